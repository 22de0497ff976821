/* SPDX-License-Identifier: ISC */
/* The version of the whole product, as `sandwichctl version` and every --version say it. */
#ifndef SANDWICH_CONTROL_VERSION_H
#define SANDWICH_CONTROL_VERSION_H

#ifndef SANDWICH_VERSION
#define SANDWICH_VERSION "0.1.0"
#endif

#endif
