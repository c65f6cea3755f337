"use strict";
// Addressed randomness, bit for bit that of `kernels::random`: a seed, a named stream and a step give
// a generator, ChaCha with 8 rounds.
class Stream {
  constructor(state) {
    this.state = state;
  }

  static of(seed, name) {
    return new Stream(Stream.mix(BigInt(seed))).child(name);
  }

  // The stream of that name inside this one.
  child(name) {
    const bytes = new TextEncoder().encode(name);
    const start = Stream.mix(this.state ^ BigInt(bytes.length));
    return new Stream(bytes.reduce((state, byte) => Stream.mix(state ^ BigInt(byte)), start));
  }

  // Numbers in [0, 1), one a call.
  at(step) {
    this.key ??= new Uint32Array(BigUint64Array.from([1n, 2n, 3n, 4n],
      (word) => Stream.mix(BigInt.asUintN(64, this.state + word))).buffer);
    const words = new Uint32Array(16);
    let [block, next] = [0, 16];
    return () => {
      if (next === 16) {
        Stream.fill(words, this.key, block, step);
        [block, next] = [block + 1, 0];
      }
      next += 2;
      // The 53 high bits of two words.
      return (words[next - 1] * 2 ** 21 + (words[next - 2] >>> 11)) * 2 ** -53;
    };
  }

  // The finaliser of SplitMix64.
  static mix(value) {
    const times = (x, y) => BigInt.asUintN(64, x * y);
    let z = BigInt.asUintN(64, value + 0x9e3779b97f4a7c15n);
    z = times(z ^ (z >> 30n), 0xbf58476d1ce4e5b9n);
    z = times(z ^ (z >> 27n), 0x94d049bb133111ebn);
    return z ^ (z >> 31n);
  }

  // One block of ChaCha with 8 rounds.
  static fill(words, key, block, step) {
    const start = [0x61707865, 0x3320646e, 0x79622d32, 0x6b206574, ...key, block, 0, step, 0];
    words.set(start);
    const turn = (at, from, by) => {
      const mixed = words[at] ^ words[from];
      words[at] = (mixed << by) | (mixed >>> (32 - by));
    };
    const quarter = (a, b, c, d) => {
      words[a] += words[b];
      turn(d, a, 16);
      words[c] += words[d];
      turn(b, c, 12);
      words[a] += words[b];
      turn(d, a, 8);
      words[c] += words[d];
      turn(b, c, 7);
    };
    for (let round = 0; round < 8; round += 2) {
      for (let i = 0; i < 4; i += 1) quarter(i, 4 + i, 8 + i, 12 + i);
      for (let i = 0; i < 4; i += 1) {
        quarter(i, 4 + ((i + 1) % 4), 8 + ((i + 2) % 4), 12 + ((i + 3) % 4));
      }
    }
    start.forEach((word, i) => { words[i] += word; });
  }
}
