// SPDX-License-Identifier: MIT
#pragma once

void ioapic_init(void); // masks everything
