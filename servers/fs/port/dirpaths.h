// SPDX-License-Identifier: MIT
// libext2fs asks for the places of its message files; there are none.
#pragma once
#define LOCALEDIR ""
#define ROOT_SYSCONFDIR ""
