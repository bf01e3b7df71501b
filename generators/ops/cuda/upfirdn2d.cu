// Zeros between pixels, padding, a FIR filter, every so many pixels; the twin is generators/ops/upfirdn2d.py.
// x (N, C, H, W) → y (N, C, H', W'), both without gaps and of one layout; f (Kh, Kw) as `real`.
//
// -DNUMBER, -DWIDE      number.h; WIDE only with channels last: a pack is of channels
// -DINDEX=int|long long
// -DLAST=0|1            whether channels are last in memory
// -DTILED=0|1           0: `upfirdn2d`, for any filter and factors
//                       1: `upfirdn2d_tile`, for those of -DUPX, -DUPY, -DDOWNX, -DDOWNY, -DKW, -DKH
// -DTX, -DTY            outputs that one thread of `upfirdn2d_tile` makes side by side
//
// y[o] = gain Σ_k f[k] xup[o down + k - pad], where xup[u] is x[u / up] if that is whole and inside, else 0.
// `mirror`: f is read from its end (a convolution). `planes` is N C, or N with channels last (then C `channels`).
#include "number.h"

#if LAST
#define PIXEL(image, row, width, col) (((image) + (INDEX)(row) * (width) + (col)) * channels + c)
#else
#define PIXEL(image, row, width, col) ((image) + (INDEX)(row) * (width) + (col))
#endif

// Thread's number → c (with channels last), column, row, plane of what it makes.
#if LAST
#define FOUND_CHANNEL(rest) int c = (int)(rest % (channels / PACK)) * PACK; rest /= channels / PACK;
#else
#define FOUND_CHANNEL(rest)
#endif
#define FOUND(rest, wide, high)                                                                                       \
    FOUND_CHANNEL(rest)                                                                                               \
    int column = (int)(rest % (wide));                                                                                \
    rest /= (wide);                                                                                                   \
    int row = (int)(rest % (high));                                                                                   \
    INDEX plane = rest / (high);

#if !TILED

extern "C" __global__ void __launch_bounds__(256) upfirdn2d(
    const number* __restrict__ x, const real* __restrict__ f, number* __restrict__ y, INDEX count, int channels,
    int in_w, int in_h, int out_w, int out_h, int up_x, int up_y, int down_x, int down_y, int kw, int kh,
    int pad_x, int pad_y, int mirror, real gain)
{
    INDEX stride = (INDEX)gridDim.x * blockDim.x;
    for (INDEX t = (INDEX)blockIdx.x * blockDim.x + threadIdx.x; t < count; t += stride) {
        INDEX rest = t;
        FOUND(rest, out_w, out_h)
        // The first tap that meets a pixel and not a zero between, and that pixel; the next is `up` taps on.
        int u = column * down_x - pad_x, v = row * down_y - pad_y;
        int kx0 = u > 0 ? (up_x - u % up_x) % up_x : -u % up_x, ix0 = (u + kx0) / up_x;
        int ky0 = v > 0 ? (up_y - v % up_y) % up_y : -v % up_y, iy0 = (v + ky0) / up_y;
        Pack sum = all_of(0);
        for (int ky = ky0, iy = iy0; ky < kh; ky += up_y, iy++) {
            if (iy < 0 || iy >= in_h)
                continue;
            for (int kx = kx0, ix = ix0; kx < kw; kx += up_x, ix++) {
                if (ix < 0 || ix >= in_w)
                    continue;
                int k = ky * kw + kx;
                real tap = f[mirror ? kh * kw - 1 - k : k];
                Pack here = load_pack(x + PIXEL(plane * in_h * in_w, iy, in_w, ix));
#pragma unroll
                for (int i = 0; i < PACK; i++)
                    sum.at[i] += tap * here.at[i];
            }
        }
#pragma unroll
        for (int i = 0; i < PACK; i++)
            sum.at[i] *= gain;
        store_pack(y + PIXEL(plane * out_h * out_w, row, out_w, column), sum);
    }
}

#else

// Pixels that a tile sees: from its first tap to its last one, every UP taps.
#define ROWS ((KH - 1 + (TY - 1) * DOWNY) / UPY + 1)
#define COLS ((KW - 1 + (TX - 1) * DOWNX) / UPX + 1)

#if LAST
#define STEP channels
#else
#define STEP 1
#endif

// Adds up a tile whose first tap lies on the pixel x[at], at (ix0, iy0) of its image. WHOLE: all its pixels are
// inside, as most tiles' are; it takes a third fewer instructions.
template <bool WHOLE>
__device__ __forceinline__ void add_up(
    Pack (&sums)[TY][TX], const real (&taps)[KH * KW], const number* __restrict__ x, INDEX at, int channels,
    int ix0, int iy0, int in_w, int in_h)
{
#pragma unroll
    for (int r = 0; r < ROWS; r++) {
#pragma unroll
        for (int s = 0; s < COLS; s++) {
            int ix = ix0 + s, iy = iy0 + r;
            Pack here = all_of(0);
            if (WHOLE || (0 <= ix && ix < in_w && 0 <= iy && iy < in_h))
                here = load_pack(x + (at + (INDEX)r * in_w * STEP) + s * STEP);
#pragma unroll
            for (int j = 0; j < TY * TX; j++) {
                const int ky = r * UPY - j / TX * DOWNY, kx = s * UPX - j % TX * DOWNX;
                if (0 <= ky && ky < KH && 0 <= kx && kx < KW) {
#pragma unroll
                    for (int i = 0; i < PACK; i++)
                        sums[j / TX][j % TX].at[i] += taps[ky * KW + kx] * here.at[i];
                }
            }
        }
    }
}

#if KW * KH == 12 && DOWNX * DOWNY == 2
#define BOUNDS __launch_bounds__(256, 2)  // else the compiler spills a few bytes, with registers to spare
#else
#define BOUNDS __launch_bounds__(256)
#endif

// Tiles begin at the outputs (first_x, first_y) ≤ 0, whose first tap lies on a pixel: so which taps meet pixels is
// known when this is compiled. Along each axis UP or DOWN is 1, and TX, TY are multiples of UP.
extern "C" __global__ void BOUNDS upfirdn2d_tile(
    const number* __restrict__ x, const real* __restrict__ f, number* __restrict__ y, INDEX count, int channels,
    int in_w, int in_h, int out_w, int out_h, int tiles_x, int tiles_y, int first_x, int first_y,
    int pad_x, int pad_y, int mirror, real gain)
{
    real taps[KH * KW];
#pragma unroll
    for (int k = 0; k < KH * KW; k++)
        taps[k] = f[mirror ? KH * KW - 1 - k : k] * gain;

    INDEX stride = (INDEX)gridDim.x * blockDim.x;
    for (INDEX t = (INDEX)blockIdx.x * blockDim.x + threadIdx.x; t < count; t += stride) {
        INDEX rest = t;
        FOUND(rest, tiles_x, tiles_y)
        int ox = first_x + column * TX, oy = first_y + row * TY;
        int ix0 = (ox * DOWNX - pad_x) / UPX, iy0 = (oy * DOWNY - pad_y) / UPY;
        Pack sums[TY][TX];
#pragma unroll
        for (int j = 0; j < TY * TX; j++)
            sums[j / TX][j % TX] = all_of(0);
        INDEX at = PIXEL(plane * in_h * in_w, iy0, in_w, ix0);
        if (ix0 >= 0 && iy0 >= 0 && ix0 + COLS <= in_w && iy0 + ROWS <= in_h)
            add_up<true>(sums, taps, x, at, channels, ix0, iy0, in_w, in_h);
        else
            add_up<false>(sums, taps, x, at, channels, ix0, iy0, in_w, in_h);
#pragma unroll
        for (int j = 0; j < TY * TX; j++) {
            int to_x = ox + j % TX, to_y = oy + j / TX;
            if (0 <= to_x && to_x < out_w && 0 <= to_y && to_y < out_h)
                store_pack(y + PIXEL(plane * out_h * out_w, to_y, out_w, to_x), sums[j / TX][j % TX]);
        }
    }
}

#endif
