/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CORTEX_M_H
#define CORTEX_M_H

#include <stddef.h>
#include <stdint.h>

/* A service of the host by its number; `arguments` as the service defines them. */
intptr_t semihosting(intptr_t service, const void *arguments);

#endif
