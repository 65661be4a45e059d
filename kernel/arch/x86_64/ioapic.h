// SPDX-License-Identifier: MIT
#pragma once

// Masks the old interrupt controllers. Before the local APIC is set up: a request of theirs that is
// pending when the APIC stops listening to them would stay pending for ever and arrive as no vector
// at all (seen under QEMU).
void pic_silence(void);
void ioapic_init(void); // masks everything
