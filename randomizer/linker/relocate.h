// SPDX-License-Identifier: MIT
// Fills the image of a planned module: copies its sections and applies their relocations.
#pragma once
#include "randomizer/linker/recipe.h"

// Copies all loaded sections to their places in the image (p->image_bytes, already zeroed).
void copy_sections(const struct module *m, const struct plan *p, uint8_t *image);

// Applies every relocation of every loaded section for the final addresses of the plan.
// `values` is work space for m->symbol_count elements. On an error the image is of no use and *why
// tells where.
enum link_error relocate(const struct module *m, const struct plan *p, uint8_t *image,
                         uint64_t *values, struct link_failure *why);

// The same two from a recipe, for its module.
void copy_again(const struct recipe *r, const struct module *m, const struct plan *p,
                uint8_t *image);
enum link_error relocate_again(const struct recipe *r, const struct module *m,
                               const struct plan *p, uint8_t *image, struct link_failure *why);
