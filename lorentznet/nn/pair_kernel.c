/* Sums over the neighbours of each particle, with weights that are linear in Gaussian bells of the pair invariants:
 *
 *     f_w(i, j) = sum_q W_wq phi_q(i, j),        Y_i = sum_j f_w(i, j) x_j .
 *
 * Nothing as large as the number of pairs is stored: bells, weights and sums are made for 8 x 8 pairs at a time, and stay in the nearest
 * cache. Pair invariants are symmetric, so that a tile serves the pairs (i, j) and (j, i), and the gradient by x is a sum of the same
 * kind. Padding is left out, whatever stands there.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { LANES = 8, RUN = 12, FAR = 13, ARGUMENTS = 3 };
typedef float vector __attribute__((vector_size(4 * LANES)));
typedef int32_t integers __attribute__((vector_size(4 * LANES)));
typedef vector column[LANES]; /* a quantity of a tile: column[j][i], the particle i in the lanes */

typedef struct {
    const float *values[ARGUMENTS]; /* (jets, width, width), symmetric */
    const float *shift[ARGUMENTS];  /* (jets), added to the values; or NULL */
    float low[ARGUMENTS], scale[ARGUMENTS];
    int64_t number[ARGUMENTS]; /* of bells, centred at 0, 1, ... (number - 1) of scale * (value - low) */
    const uint8_t *real;       /* (jets, width) */
    const float *weights;      /* (weights of all groups, functions); the last function is 1 */
    /* Rows of x come in groups: components times channels, channels the faster; each channel has a weight, the same for all components. */
    const int64_t *components, *channels;
    int64_t groups, rows, weight_count, functions, jets, width;
} problem;

typedef struct {
    float *real, *x, *y, *gradient, *by_x; /* padded to whole vectors; all but the first are (rows, padded) */
    column *bells, *weights;
    vector *sums;
    int64_t count, padded; /* places up to the last particle of the jet, and all of them */
    int full;              /* whether there is a particle at each place up to there */
} workspace;

static inline vector load(const float *from) {
    vector value;
    memcpy(&value, from, sizeof value);
    return value;
}

static inline void store(float *to, vector value) { memcpy(to, &value, sizeof value); }

static inline vector all(float value) { return value - (vector){0}; }

static inline vector clamp(vector x, float low, float high) {
#if defined(__AVX__) && !defined(__clang__)
    return __builtin_ia32_minps256(__builtin_ia32_maxps256(x, all(low)), all(high));
#else
    integers below = x < all(low), above = x > all(high);
    x = (vector)((below & (integers)all(low)) | (~below & (integers)x));
    return (vector)((above & (integers)all(high)) | (~above & (integers)x));
#endif
}

/* e^x to 2e-7 for |x| < 87, by 2^n times the Taylor series on |r| <= ln(2) / 2 */
static inline vector exponential(vector x) {
    const vector rounder = all(12582912.0f); /* 1.5 * 2^23: adding it rounds to an integer, kept in the last bits */
    vector shifted = x * all(1.44269504f) + rounder, n = shifted - rounder;
    vector r = x - n * all(0.693359375f) + n * all(2.12194440e-4f);
    vector series = all(1.0f / 720);
    series = series * r + all(1.0f / 120);
    series = series * r + all(1.0f / 24);
    series = series * r + all(1.0f / 6);
    series = series * r + all(0.5f);
    series = series * r + all(1.0f);
    series = series * r + all(1.0f);
    integers power = ((integers)shifted - (integers)rounder + 127) << 23;
    return series * (vector)power;
}

/* The bells of one argument in a row of the tile, each from its neighbour:
 * exp(-(t - n)^2 / 2) = exp(-(t - n + 1)^2 / 2) exp(t) exp(1/2 - n), in runs that are short enough to stay in the range of float. */
static inline void fill_bells(column *bells, int64_t row, int64_t number, vector position, vector real) {
    static const float step[RUN / 2 + 1] = {1.64872127f,   0.606530660f,   0.223130160f,  0.0820849986f,
                                            0.0301973834f, 0.0111089965f, 0.00408677144f};
    for (int64_t start = 0; start < number; start += RUN) {
        const int64_t length = number - start < RUN ? number - start : RUN, middle = start + length / 2;
        /* five widths outside of all bells an argument stands still; and FAR from the middle of a run all its bells are nothing */
        const float lowest = -5.0f - middle, highest = number + 4.0f - middle;
        const vector t = clamp(position - all((float)middle), lowest > -FAR ? lowest : -FAR, highest < FAR ? highest : FAR);
        const vector up = exponential(t), down = all(1.0f) / up;
        vector bell = exponential(all(-0.5f) * t * t) * real;
        bells[middle][row] = bell;
        for (int64_t n = 1; middle + n < start + length; n++)
            bells[middle + n][row] = bell = bell * (up * all(step[n]));
        bell = bells[middle][row];
        for (int64_t n = 1; middle - n >= start; n++)
            bells[middle - n][row] = bell = bell * (down * all(step[n]));
    }
}

/* Bells and weights of the pairs of particles 8 I + lane and 8 J + row of a jet. */
static void make_tile(const problem *p, const workspace *w, int64_t jet, int64_t I, int64_t J) {
    const int64_t i = I * LANES, width = p->width, last = p->functions - 1;
    const vector real_i = load(w->real + i);
    for (int64_t row = 0; row < LANES; row++) {
        const int64_t j = J * LANES + row;
        vector real = real_i * all(w->real[j]);
        if (I == J)
            real[row] = 0; /* a particle is no neighbour of itself */
        const integers kept = real != all(0);
        for (int64_t argument = 0, start = 0; argument < ARGUMENTS; start += p->number[argument++]) {
            const int64_t number = p->number[argument];
            vector value = {0};
            if (!number)
                continue;
            if (j < width) {
                const float *from = p->values[argument] + (jet * width + j) * width + i;
                if (i + LANES <= width)
                    value = load(from);
                else
                    memcpy(&value, from, sizeof(float) * (width - i));
            }
            if (p->shift[argument])
                value += all(p->shift[argument][jet]);
            value = (vector)((integers)value & kept); /* whatever stands in padding, infinities too */
            fill_bells(w->bells + start, row, number, (value - all(p->low[argument])) * all(p->scale[argument]), real);
        }
        w->bells[last][row] = real;
    }
    for (int64_t f = 0; f < p->weight_count; f++) {
        const float *weights = p->weights + f * p->functions;
        column sum = {{0}};
        for (int64_t q = 0; q < p->functions; q++)
            for (int row = 0; row < LANES; row++)
                sum[row] += w->bells[q][row] * all(weights[q]);
        memcpy(w->weights[f], sum, sizeof sum);
    }
}

/* sum += f x for the rows of x that weight f multiplies, from the particles of tile J to those of tile I. */
static inline void add_up(const column f, const float *x, float *sum, int64_t rows, int64_t stride, int64_t I, int64_t J) {
    for (int64_t r = 0; r < rows; r++, x += stride, sum += stride) {
        const float *from = x + J * LANES;
        vector total = load(sum + I * LANES);
        for (int row = 0; row < LANES; row++)
            total += f[row] * all(from[row]);
        store(sum + I * LANES, total);
    }
}

#ifdef __clang__
#define PICK(a, b, ...) __builtin_shufflevector(a, b, __VA_ARGS__)
#else
#define PICK(a, b, ...) __builtin_shuffle(a, b, (integers){__VA_ARGS__})
#endif

/* Rows and lanes of a tile exchanged: single numbers, then pairs, then fours change places. */
static inline void transpose(column to, const column from) {
    column pairs, fours;
    for (int n = 0; n < LANES; n += 2) {
        pairs[n] = PICK(from[n], from[n + 1], 0, 8, 2, 10, 4, 12, 6, 14);
        pairs[n + 1] = PICK(from[n], from[n + 1], 1, 9, 3, 11, 5, 13, 7, 15);
    }
    for (int n = 0; n < LANES; n += n % 4 == 1 ? 3 : 1) {
        fours[n] = PICK(pairs[n], pairs[n + 2], 0, 1, 8, 9, 4, 5, 12, 13);
        fours[n + 2] = PICK(pairs[n], pairs[n + 2], 2, 3, 10, 11, 6, 7, 14, 15);
    }
    for (int n = 0; n < LANES / 2; n++) {
        to[n] = PICK(fours[n], fours[n + 4], 0, 1, 2, 3, 8, 9, 10, 11);
        to[n + 4] = PICK(fours[n], fours[n + 4], 4, 5, 6, 7, 12, 13, 14, 15);
    }
}

/* The sums of both directions of a tile. */
static void sum_tile(const problem *p, const workspace *w, const float *x, float *sum, int64_t I, int64_t J) {
    const column *f = w->weights;
    for (int64_t group = 0; group < p->groups; group++) {
        const int64_t channels = p->channels[group], components = p->components[group], stride = channels * w->padded;
        for (int64_t channel = 0; channel < channels; channel++, f++, x += w->padded, sum += w->padded) {
            add_up(*f, x, sum, components, stride, I, J);
            if (I != J) {
                column turned;
                transpose(turned, *f);
                add_up(turned, x, sum, components, stride, J, I);
            }
        }
        x += (components - 1) * stride, sum += (components - 1) * stride;
    }
}

/* What the weight of one channel gets from the pairs of a tile. */
static inline void of_weight(column by_weight, const float *x, const float *gradient, int64_t rows, int64_t stride, int64_t i,
                             int64_t j) {
    for (int64_t r = 0; r < rows; r++, x += stride, gradient += stride) {
        const vector gradient_i = load(gradient + i), x_i = load(x + i);
        for (int row = 0; row < LANES; row++)
            by_weight[row] += gradient_i * all(x[j + row]);
        if (i != j)
            for (int row = 0; row < LANES; row++)
                by_weight[row] += x_i * all(gradient[j + row]);
    }
}

/* The same for all channels, times the bells. */
static void weigh_tile(const problem *p, const workspace *w, int64_t I, int64_t J) {
    const float *x = w->x, *gradient = w->gradient;
    vector *sums = w->sums;
    for (int64_t group = 0; group < p->groups; group++) {
        const int64_t channels = p->channels[group], components = p->components[group], stride = channels * w->padded;
        for (int64_t channel = 0; channel < channels; channel++, x += w->padded, gradient += w->padded, sums += p->functions) {
            column by_weight = {{0}};
            of_weight(by_weight, x, gradient, components, stride, I * LANES, J * LANES);
            for (int64_t q = 0; q < p->functions; q++) {
                vector sum = sums[q];
                for (int row = 0; row < LANES; row++)
                    sum += by_weight[row] * w->bells[q][row];
                sums[q] = sum;
            }
        }
        x += (components - 1) * stride, gradient += (components - 1) * stride;
    }
}

static void *aligned(size_t size) { return aligned_alloc(64, (size + 63) / 64 * 64); }

static int prepare(const problem *p, workspace *w) {
    w->padded = (p->width + LANES - 1) / LANES * LANES;
    const size_t row = sizeof(float) * w->padded;
    w->real = aligned(row), w->x = aligned(p->rows * row), w->y = aligned(p->rows * row);
    w->gradient = aligned(p->rows * row), w->by_x = aligned(p->rows * row);
    w->bells = aligned(p->functions * sizeof(column)), w->weights = aligned(p->weight_count * sizeof(column));
    w->sums = aligned(p->weight_count * p->functions * sizeof(vector));
    return w->real && w->x && w->y && w->gradient && w->by_x && w->bells && w->weights && w->sums;
}

static void release(workspace *w) {
    free(w->real), free(w->x), free(w->y), free(w->gradient), free(w->by_x), free(w->bells), free(w->weights), free(w->sums);
}

/* The mask of a jet, and the tiles up to its last real particle. */
static int64_t begin(const problem *p, workspace *w, int64_t jet) {
    int64_t count = 0, particles = 0;
    memset(w->real, 0, sizeof(float) * w->padded);
    for (int64_t i = 0; i < p->width; i++)
        if (p->real[jet * p->width + i])
            w->real[i] = 1, particles++, count = i + 1;
    w->count = count, w->full = particles == count;
    return (count + LANES - 1) / LANES;
}

/* One jet of an array (rows, jets, width). What stands in padding is not read. */
static void fetch(const problem *p, const workspace *w, int64_t jet, const float *from, float *to) {
    for (int64_t r = 0; r < p->rows; r++) {
        const float *row = from + (r * p->jets + jet) * p->width;
        float *copy = to + r * w->padded;
        memset(copy, 0, sizeof(float) * w->padded);
        if (w->full)
            memcpy(copy, row, sizeof(float) * w->count);
        else
            for (int64_t i = 0; i < w->count; i++)
                if (w->real[i])
                    copy[i] = row[i];
    }
}

static void put(const problem *p, const workspace *w, int64_t jet, const float *from, float *to) {
    for (int64_t r = 0; r < p->rows; r++)
        memcpy(to + (r * p->jets + jet) * p->width, from + r * w->padded, sizeof(float) * p->width);
}

/* y, shape (rows, jets, width) as x, of the jets first to stop - 1; 0 if there is no memory. */
int pair_sums(const problem *p, int64_t first, int64_t stop, const float *x, float *y) {
    workspace w = {0};
    const int ready = prepare(p, &w);
    for (int64_t jet = first; ready && jet < stop; jet++) {
        const int64_t tiles = begin(p, &w, jet);
        fetch(p, &w, jet, x, w.x);
        memset(w.y, 0, sizeof(float) * p->rows * w.padded);
        for (int64_t I = 0; I < tiles; I++)
            for (int64_t J = I; J < tiles; J++) {
                make_tile(p, &w, jet, I, J);
                sum_tile(p, &w, w.x, w.y, I, J);
            }
        put(p, &w, jet, w.y, y);
    }
    release(&w);
    return ready;
}

/* Gradients by x, and by the weights, shape (jets, weights, functions); either may be NULL. */
int pair_sums_backward(const problem *p, int64_t first, int64_t stop, const float *x, const float *gradient, float *by_x,
                       float *by_weights) {
    workspace w = {0};
    const int ready = prepare(p, &w);
    const int64_t entries = p->weight_count * p->functions;
    for (int64_t jet = first; ready && jet < stop; jet++) {
        const int64_t tiles = begin(p, &w, jet);
        fetch(p, &w, jet, x, w.x);
        fetch(p, &w, jet, gradient, w.gradient);
        memset(w.by_x, 0, sizeof(float) * p->rows * w.padded);
        memset(w.sums, 0, sizeof(vector) * entries);
        for (int64_t I = 0; I < tiles; I++)
            for (int64_t J = I; J < tiles; J++) {
                make_tile(p, &w, jet, I, J);
                if (by_x)
                    sum_tile(p, &w, w.gradient, w.by_x, I, J);
                if (by_weights)
                    weigh_tile(p, &w, I, J);
            }
        if (by_x)
            put(p, &w, jet, w.by_x, by_x);
        for (int64_t entry = 0; by_weights && entry < entries; entry++) {
            float sum = 0;
            for (int lane = 0; lane < LANES; lane++)
                sum += w.sums[entry][lane];
            by_weights[jet * entries + entry] = sum;
        }
    }
    release(&w);
    return ready;
}
