# SPDX-License-Identifier: MIT
"""The interface generator: from interfaces/NAME.idl to stubs, dispatcher, trace decoder and pages.

lexer.py -> parser.py -> model.py (what was said) -> check.py (what it means, all rules) and then one
writer a file: c_types.py, c_client.py, c_server.py, c_trace.py, page.py, describe.py.
"""
