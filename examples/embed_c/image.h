/* SPDX-License-Identifier: Apache-2.0 */
/* A handwritten two: an image of the demo's test data (see NOTICE). */
static const float image[8][8] = {
    {0, 0, 8, 15, 15, 2, 0, 0},
    {0, 2, 16, 13, 12, 10, 0, 0},
    {0, 3, 15, 1, 9, 11, 0, 0},
    {0, 0, 0, 1, 15, 8, 0, 0},
    {0, 0, 0, 10, 13, 1, 0, 0},
    {0, 0, 8, 16, 7, 0, 0, 0},
    {0, 6, 16, 16, 13, 7, 6, 1},
    {0, 0, 7, 5, 12, 16, 15, 2},
};
