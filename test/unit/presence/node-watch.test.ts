import { describe, expect, it } from 'vitest'
import { NodeWatch } from '../../../src/presence/node-watch.ts'

const alive = (...nodes: string[]): ReadonlySet<string> => new Set(nodes)

describe('NodeWatch', () => {
  it('a node is gone when it is missing twice in a row, and that is said once', () => {
    const watch = new NodeWatch()
    watch.met('n2')
    expect(watch.looked(alive())).toEqual([])
    expect(watch.gone('n2')).toBe(false)
    expect(watch.looked(alive())).toEqual(['n2'])
    expect(watch.gone('n2')).toBe(true)
    expect(watch.looked(alive())).toEqual([])
    expect(watch.gone('n2')).toBe(true)
  })

  it('a node that is missing now and then is not gone', () => {
    const watch = new NodeWatch()
    watch.met('n2')
    for (let i = 0; i < 5; i++) {
      expect(watch.looked(alive())).toEqual([])
      watch.met('n2')
      expect(watch.looked(alive('n2'))).toEqual([])
    }
  })

  it('a node that is seen alive or heard again is not gone any more', () => {
    const watch = new NodeWatch()
    for (const node of ['n2', 'n3']) watch.met(node)
    watch.looked(alive())
    expect(watch.looked(alive())).toEqual(['n2', 'n3'])
    watch.heard('n2')
    expect(watch.gone('n2')).toBe(false)
    watch.looked(alive('n2', 'n3'))
    expect(watch.gone('n3')).toBe(false)
  })

  it('a node that has left is gone at once, although the store still knows of it', () => {
    const watch = new NodeWatch()
    watch.met('n2')
    watch.left('n2')
    watch.met('n2')
    expect(watch.gone('n2')).toBe(true)
  })

  it('nodes that never return are forgotten', () => {
    const watch = new NodeWatch()
    watch.met('n2')
    for (let i = 0; i < 2_000; i++) watch.looked(alive())
    expect(watch.gone('n2')).toBe(false)
  })
})
