// SPDX-License-Identifier: MIT
#pragma once

// Finds the services that libraries.h asks. false: the manifest does not give them all.
bool services_open(void);
