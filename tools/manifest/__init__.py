# SPDX-License-Identifier: MIT
"""image.toml -> manifest.bin and the boot archive. README.md describes the format of image.toml."""
