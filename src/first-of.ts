/** The first values of a map, as many as that at most, without going over the rest. */
export function firstOf<Value>(map: ReadonlyMap<unknown, Value>, count: number): Value[] {
  const first: Value[] = []
  for (const value of map.values()) {
    if (first.length === count) break
    first.push(value)
  }
  return first
}
