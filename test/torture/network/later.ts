/** What is due later, the soonest first: a heap, since a slow link holds thousands of packets. Pure. */

interface WheelEntry<Item> {
  readonly atMs: number
  /** Of two that are due together, the one that came first goes first. */
  readonly number: number
  readonly item: Item
}

export class Later<Item> {
  readonly #heap: WheelEntry<Item>[] = []
  #count = 0

  get nextAtMs(): number | undefined {
    return this.#heap[0]?.atMs
  }

  put(atMs: number, item: Item): void {
    const heap = this.#heap
    const due = { atMs, number: this.#count++, item }
    let at = heap.push(due) - 1
    while (at > 0) {
      const above = (at - 1) >> 1
      if (!before(due, heap[above] as WheelEntry<Item>)) break
      heap[at] = heap[above] as WheelEntry<Item>
      at = above
    }
    heap[at] = due
  }

  /** One that is due by now. */
  take(nowMs: number): Item | undefined {
    const heap = this.#heap
    const first = heap[0]
    if (first === undefined || first.atMs > nowMs) return undefined
    const last = heap.pop() as WheelEntry<Item>
    if (heap.length > 0) this.#sink(last)
    return first.item
  }

  #sink(due: WheelEntry<Item>): void {
    const heap = this.#heap
    let at = 0
    for (;;) {
      let below = at * 2 + 1
      if (below >= heap.length) break
      if (
        below + 1 < heap.length &&
        before(heap[below + 1] as WheelEntry<Item>, heap[below] as WheelEntry<Item>)
      )
        below++
      if (!before(heap[below] as WheelEntry<Item>, due)) break
      heap[at] = heap[below] as WheelEntry<Item>
      at = below
    }
    heap[at] = due
  }
}

function before<Item>(one: WheelEntry<Item>, other: WheelEntry<Item>): boolean {
  return one.atMs === other.atMs ? one.number < other.number : one.atMs < other.atMs
}
