/** Chance that can be repeated: the same seed, the same inputs. */
export class Random {
  #state: number

  constructor(seed: number) {
    // 0 would stay 0.
    this.#state = seed | 0 || 0x9e3779b9
  }

  /** A 32-bit xorshift (Marsaglia 2003): not for secrets, but fast. */
  next(): number {
    let x = this.#state
    x ^= x << 13
    x ^= x >>> 17
    x ^= x << 5
    this.#state = x
    return x >>> 0
  }

  /** At least 0, less than `below`. */
  int(below: number): number {
    return this.next() % below
  }

  /** In one of so many cases. */
  oneIn(cases: number): boolean {
    return this.next() % cases === 0
  }

  pick<T>(choices: readonly T[]): T {
    return choices[this.int(choices.length)] as T
  }
}
