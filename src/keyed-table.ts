/**
 * What is found by a text that it has itself: like a `Map`, in its order too, but for the key, which is read from what is found. A `Map` keeps
 * three words for each place and doubles, which is 28 to 56 bytes for each entry; this keeps 8 and a slot of 4 to 11. Pure.
 *
 *  K1 it answers what a `Map` from key to value would, and goes through them in the same order
 *  K2 who goes through it meanwhile meets what a walk through that `Map` would meet, whatever is put in and taken out
 *  K3 what is taken out leaves nothing behind beyond as much as there is
 */
import { randomInt } from 'node:crypto'

/** Places are kept so many together: one list would be copied as a whole each time that it grows, and have half as much room again. */
const PAGE = 256
const SLOTS_MIN = 16
/** Of all slots: with more of them in use a search would walk too far. */
const USED_MAX = 0.75
/** A slot has the number of a place, from 1, and above it so many bits of the hash: what has others is not looked at. */
const TAG_SHIFT = 24
const PLACE_MASK = (1 << TAG_SHIFT) - 1
/** Nobody outside knows it, so nobody can choose texts that are found in one place. Of all tables: it is no secret between them. */
const SEED = randomInt(2 ** 32)

/** In the order in which they came. */
class Places<Value> {
  readonly pages: (Value | undefined)[][] = []
  /** With those that have been left. */
  count = 0
  /** Where they are now, closer together or none. Only who walks through these still has them. */
  next: Places<Value> | undefined
  emptied = false

  at(place: number): Value | undefined {
    return (this.pages[place >>> 8] as (Value | undefined)[])[place & (PAGE - 1)]
  }

  put(place: number, value: Value | undefined): void {
    ;(this.pages[place >>> 8] as (Value | undefined)[])[place & (PAGE - 1)] = value
  }

  push(value: Value): void {
    if ((this.count & (PAGE - 1)) === 0) this.pages.push(Array<Value | undefined>(PAGE).fill(undefined))
    this.put(this.count++, value)
  }
}

export class KeyedTable<Value> {
  readonly #keyOf: (value: Value) => string
  #places = new Places<Value>()
  #slots = new Int32Array(SLOTS_MIN)
  #size = 0

  constructor(keyOf: (value: Value) => string) {
    this.#keyOf = keyOf
  }

  get size(): number {
    return this.#size
  }

  get(key: string): Value | undefined {
    const slot = this.#find(key, hashOf(key))
    return slot < 0 ? undefined : this.#places.at(this.#placeIn(slot))
  }

  has(key: string): boolean {
    return this.#find(key, hashOf(key)) >= 0
  }

  /** In the place of the one with the same key, if there is one. */
  set(value: Value): void {
    const key = this.#keyOf(value)
    const hash = hashOf(key)
    const known = this.#find(key, hash)
    if (known >= 0) {
      this.#places.put(this.#placeIn(known), value)
      return
    }
    if (this.#places.count >= this.#slots.length * USED_MAX) this.#makeRoom()
    this.#places.push(value)
    this.#size++
    this.#enter(hash, this.#places.count)
  }

  delete(key: string): boolean {
    const slot = this.#find(key, hashOf(key))
    if (slot < 0) return false
    this.#places.put(this.#placeIn(slot), undefined)
    this.#size--
    this.#empty(slot)
    // K3. A quarter: whoever comes and goes at this size does not make it anew each time.
    if (this.#places.count > PAGE && this.#size < this.#places.count / 4) this.#closeRanks()
    return true
  }

  clear(): void {
    this.#places.emptied = true
    this.#places.next = new Places()
    this.#places = this.#places.next
    this.#slots = new Int32Array(SLOTS_MIN)
    this.#size = 0
  }

  *values(): Generator<Value, undefined> {
    let places = this.#places
    for (let place = 0; ; place++) {
      for (; places.next !== undefined; places = places.next) place = placeAfter(places, place)
      if (place >= places.count) return undefined
      const value = places.at(place)
      if (value !== undefined) yield value
    }
  }

  #placeIn(slot: number): number {
    return ((this.#slots[slot] as number) & PLACE_MASK) - 1
  }

  /** The slot, or less than 0. */
  #find(key: string, hash: number): number {
    const slots = this.#slots
    const mask = slots.length - 1
    for (let slot = hash & mask; ; slot = (slot + 1) & mask) {
      const entry = slots[slot] as number
      if (entry === 0) return -1
      if (entry >>> TAG_SHIFT !== hash >>> TAG_SHIFT) continue
      const value = this.#places.at((entry & PLACE_MASK) - 1) as Value
      if (this.#keyOf(value) === key) return slot
    }
  }

  #enter(hash: number, place: number): void {
    const mask = this.#slots.length - 1
    let slot = hash & mask
    while (this.#slots[slot] !== 0) slot = (slot + 1) & mask
    this.#slots[slot] = (hash & ~PLACE_MASK) | place
  }

  /** Those behind it move up that would not be found any more. */
  #empty(slot: number): void {
    const slots = this.#slots
    const mask = slots.length - 1
    let hole = slot
    for (let next = (hole + 1) & mask; slots[next] !== 0; next = (next + 1) & mask) {
      const home = hashOf(this.#keyOf(this.#places.at(this.#placeIn(next)) as Value)) & mask
      // Between the two it would be found from its home without the hole.
      if (((next - home) & mask) < ((next - hole) & mask)) continue
      slots[hole] = slots[next] as number
      hole = next
    }
    slots[hole] = 0
  }

  #makeRoom(): void {
    if (this.#places.count - this.#size >= this.#places.count / 4) this.#closeRanks()
    else this.#resize(this.#slots.length * 2)
  }

  #closeRanks(): void {
    const [from, to] = [this.#places, new Places<Value>()]
    const moved = new Int32Array(from.count)
    for (let place = 0; place < from.count; place++) {
      const value = from.at(place)
      if (value === undefined) continue
      to.push(value)
      moved[place] = to.count
    }
    from.next = to
    this.#places = to
    const slots = this.#slots
    if (this.#size < (slots.length * USED_MAX) / 4) return this.#resize(slots.length / 2)
    // The texts need not be looked at.
    for (let slot = 0; slot < slots.length; slot++) {
      const entry = slots[slot] as number
      if (entry !== 0) slots[slot] = (entry & ~PLACE_MASK) | (moved[(entry & PLACE_MASK) - 1] as number)
    }
  }

  #resize(slots: number): void {
    if (slots > PLACE_MASK + 1)
      throw new RangeError(`a table has no room for more than ${PLACE_MASK * USED_MAX}`)
    this.#slots = new Int32Array(Math.max(slots, SLOTS_MIN))
    for (let place = 0; place < this.#places.count; place++) {
      const value = this.#places.at(place)
      if (value !== undefined) this.#enter(hashOf(this.#keyOf(value)), place + 1)
    }
  }
}

/** The same place of a walk after those that have been left were taken out. */
function placeAfter<Value>(places: Places<Value>, place: number): number {
  if (places.emptied) return 0
  let left = 0
  for (let before = 0; before < place && before < places.count; before++)
    if (places.at(before) === undefined) left++
  return place - left
}

/** Each character goes through all bits, so that what two texts have in common does not show. Two at once, since each step waits for the last. */
function hashOf(key: string): number {
  const { length } = key
  let hash = SEED ^ length
  for (let i = 0; i < length; i += 2) {
    const second = i + 1 < length ? key.charCodeAt(i + 1) : 0
    hash = Math.imul(hash ^ key.charCodeAt(i) ^ (second << 16), 0x9e3779b1)
    hash ^= hash >>> 15
  }
  hash = Math.imul(hash, 0x85ebca6b)
  return hash ^ (hash >>> 13)
}
