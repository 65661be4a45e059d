// SPDX-License-Identifier: MIT
// Physical pages: ranges given at boot are consumed from the front only when a page is wanted and no
// freed one is there, so that boot touches no RAM.
#pragma once
#include "kernel/base.h"

enum { PAGE_RANGES_MAX = 32 };

uint64_t page_alloc(void); // physical address, content undefined; 0 if there is none left
void page_free(uint64_t pa);
uint64_t page_total(void); // pages ever given by the boot code
uint64_t page_available(void);
// Whether [pa, pa + bytes) touches RAM of the firmware's map.
bool page_is_ram(uint64_t pa, uint64_t bytes);
uint64_t virt_to_page(const void *); // the inverse of phys_to_virt
