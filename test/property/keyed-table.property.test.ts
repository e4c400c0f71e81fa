import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { KeyedTable } from '../../src/keyed-table.ts'
import { heldBytes } from '../support/held-memory.ts'

interface Entry {
  readonly key: string
  readonly value: number
}

/** Few enough that what is put in is there already, or was. */
const key = fc.oneof(
  fc.nat(40).map((number) => `user-${number}`),
  fc.constantFrom('', '@', '\u{1F600}', 'a'.repeat(256)),
)
const step = fc.oneof(
  { weight: 6, arbitrary: fc.record({ do: fc.constant('set' as const), key, value: fc.nat(9) }) },
  { weight: 5, arbitrary: fc.record({ do: fc.constant('delete' as const), key }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('walk' as const) }) },
  { weight: 6, arbitrary: fc.record({ do: fc.constant('step' as const), walk: fc.nat(5) }) },
  // So many at once that the table grows, or moves together.
  { weight: 1, arbitrary: fc.record({ do: fc.constant('fill' as const), count: fc.nat(2000) }) },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant('thin' as const), left: fc.integer({ min: 2, max: 9 }) }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('clear' as const) }) },
)

describe('a table by the key of its entries', () => {
  it('K1 K2 is a Map of them, also for who walks through it meanwhile', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 120 }), (steps) => {
        const table = new KeyedTable<Entry>((entry) => entry.key)
        const map = new Map<string, Entry>()
        const walks: [Iterator<Entry>, Iterator<Entry>][] = []
        let filled = 0
        const set = (entry: Entry): void => {
          table.set(entry)
          map.set(entry.key, entry)
        }
        const remove = (name: string): void => expect(table.delete(name)).toBe(map.delete(name))
        for (const one of steps) {
          if (one.do === 'set') set({ key: one.key, value: one.value })
          else if (one.do === 'delete') remove(one.key)
          else if (one.do === 'walk') walks.push([table.values(), map.values()])
          else if (one.do === 'fill')
            for (let i = 0; i < one.count; i++) set({ key: `filled-${filled++}`, value: i })
          else if (one.do === 'thin') {
            for (const [index, name] of [...map.keys()].entries()) if (index % one.left !== 0) remove(name)
          } else if (one.do === 'clear') {
            table.clear()
            map.clear()
          } else {
            const [mine, model] = walks[one.walk] ?? []
            expect(mine?.next()).toEqual(model?.next())
          }
        }
        expect(table.size).toBe(map.size)
        expect([...table.values()]).toEqual([...map.values()])
        for (const [mine, model] of walks)
          expect([...{ [Symbol.iterator]: () => mine }]).toEqual([...{ [Symbol.iterator]: () => model }])
        for (const [name, entry] of map) expect(table.get(name)).toBe(entry)
        for (let i = 0; i <= 40; i++) expect(table.has(`user-${i}`)).toBe(map.has(`user-${i}`))
      }),
    )
  })

  it('K3 has little left of many that were put in and taken out', async () => {
    const table = new KeyedTable<string>((name) => name)
    const names = Array.from({ length: 100_000 }, (_, index) => `user-${index}`)
    const held = async (): Promise<number> => {
      const { heap, buffers } = await heldBytes()
      return heap + buffers
    }
    const before = await held()
    for (const name of names) table.set(name)
    const full = (await held()) - before
    for (const name of names.slice(10)) table.delete(name)
    expect([...table.values()]).toEqual(names.slice(0, 10))
    expect((await held()) - before).toBeLessThan(full / 4)
    // As it would be if nothing had ever been taken out.
    for (const name of names) table.set(name)
    expect([...table.values()]).toEqual(names)
  })
})
