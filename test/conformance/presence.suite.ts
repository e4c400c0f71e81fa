import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { PresenceStore, StoreWrite } from '../../src/presence/store.ts'
import { quiet, saying } from '../support/presence-users.ts'

/** A store and two of its clients, as two nodes have them. */
export interface PresenceFixture {
  readonly one: PresenceStore
  readonly other: PresenceStore
  /** Lets time pass for the store: on its own clock, or by waiting. */
  advance(ms: number): Promise<void>
  close(): Promise<void>
}

const LASTING_MS = 600_000
/** Long enough for a busy machine to read in between. */
const BRIEF_MS = 1_000
const STEP_MS = 50

export function describePresenceStore(
  name: string,
  open: (options: { readonly ttlMs: number }) => Promise<PresenceFixture>,
): void {
  let fixture: PresenceFixture

  function using(ttlMs: number): void {
    beforeAll(async () => {
      fixture = await open({ ttlMs })
    })
    afterAll(() => fixture.close())
  }

  const fresh = (): string => randomBytes(8).toString('hex')

  /** What another node reads, as plain data. */
  async function shown(channel: string): Promise<Record<string, { version: number; users: string[] }>> {
    const parts = [...(await fixture.other.read(channel))]
    return Object.fromEntries(
      parts.map(([node, { version, users }]) => [node, { version, users: sorted([...users.keys()]) }]),
    )
  }

  describe(`${name} keeps the contract of a store of presence`, () => {
    describe('while nothing expires', () => {
      using(LASTING_MS)

      it('S1 what a node has written is read by every node', async () => {
        const [channel, node] = [fresh(), fresh()]
        expect(await shown(channel)).toEqual({})
        const users = ['alice', 'bob', 'with a space', 'ünï:{x}', '1']
        expect(await fixture.one.write(channel, node, first(5, users))).toBe(true)
        expect(await shown(channel)).toEqual({ [node]: { version: 5, users: sorted(users) } })
        const change = { after: 5, version: 9, put: quiet(['carol', 'alice']), remove: ['bob', 'nobody'] }
        expect(await fixture.one.write(channel, node, change)).toBe(true)
        const left = sorted([...users.filter((user) => user !== 'bob'), 'carol'])
        expect(await shown(channel)).toEqual({ [node]: { version: 9, users: left } })
      })

      it('S1 what users say of themselves is read as it was written, and the last of it', async () => {
        const [channel, node] = [fresh(), fresh()]
        const texts = ['{"name":"Ünï \\ud800 x"}', '9007199254740993', '""', 'null', '" a b "']
        const users = Object.fromEntries(texts.map((text, i) => [`user ${i}`, text]))
        const put = new Map([
          ...saying(users, 1_987_654_321_987),
          ...quiet(['silent']),
          ['took it back', { json: undefined, at: 3 }] as const,
        ])
        await fixture.one.write(channel, node, { after: 0, version: 1, put, remove: [] })
        expect((await fixture.other.read(channel)).get(node)?.users).toEqual(put)
        const next = new Map([...saying({ 'user 0': '2', silent: '1' }, 9), ...quiet(['user 1'])])
        await fixture.one.write(channel, node, { after: 1, version: 2, put: next, remove: ['user 2'] })
        const left = new Map([...put, ...next])
        left.delete('user 2')
        expect((await fixture.other.read(channel)).get(node)?.users).toEqual(left)
        // Nothing that a user says makes him more than one: all go, and nothing is left.
        const remove = [...left.keys()]
        await fixture.one.write(channel, node, { after: 2, version: 3, put: quiet([]), remove })
        await fixture.one.write(channel, node, first(4, ['alice']))
        expect(await shown(channel)).toEqual({ [node]: { version: 4, users: ['alice'] } })
      })

      it('S1 versions as large as milliseconds since 1970 come back as they were', async () => {
        const [channel, node, version] = [fresh(), fresh(), 1_987_654_321_987]
        await fixture.one.write(channel, node, first(version, ['alice']))
        const next = { after: version, version: version + 1, put: quiet([]), remove: ['alice'] }
        expect(await fixture.one.write(channel, node, next)).toBe(true)
        expect(await shown(channel)).toEqual({ [node]: { version: version + 1, users: [] } })
      })

      it('S1 a node whose last user has gone still says how far it has come', async () => {
        const [channel, node] = [fresh(), fresh()]
        await fixture.one.write(channel, node, first(1, ['alice']))
        await fixture.one.write(channel, node, { after: 1, version: 2, put: quiet([]), remove: ['alice'] })
        expect(await shown(channel)).toEqual({ [node]: { version: 2, users: [] } })
      })

      it('S2 a write of many users is read as a whole or not at all', async () => {
        const [channel, node] = [fresh(), fresh()]
        const users = Array.from({ length: 2_000 }, (_, i) => `user ${i}`)
        await fixture.one.write(channel, node, first(1, []))
        const write = fixture.one.write(channel, node, {
          after: 1,
          version: 2,
          put: quiet(users),
          remove: [],
        })
        const reads = await Promise.all(Array.from({ length: 5 }, () => fixture.other.read(channel)))
        expect(await write).toBe(true)
        for (const read of [...reads, await fixture.other.read(channel)]) {
          const part = read.get(node)
          expect(part?.users.size).toBe(part?.version === 2 ? users.length : 0)
        }
      })

      it('S3 a write that does not follow is refused and changes nothing', async () => {
        const [channel, node] = [fresh(), fresh()]
        const late = { after: 3, version: 4, put: quiet(['bob']), remove: ['alice'] }
        expect(await fixture.one.write(channel, node, late)).toBe(false)
        expect(await shown(channel)).toEqual({})
        await fixture.one.write(channel, node, first(7, ['alice']))
        expect(await fixture.one.write(channel, node, late)).toBe(false)
        expect(await shown(channel)).toEqual({ [node]: { version: 7, users: ['alice'] } })
      })

      it('S3 a first write replaces whatever is there of the node', async () => {
        const [channel, node] = [fresh(), fresh()]
        await fixture.one.write(channel, node, first(1, ['alice', 'bob']))
        expect(await fixture.one.write(channel, node, first(5, ['bob', 'carol']))).toBe(true)
        expect(await shown(channel)).toEqual({ [node]: { version: 5, users: ['bob', 'carol'] } })
        // It counts right after it, too.
        await fixture.one.write(channel, node, {
          after: 5,
          version: 6,
          put: quiet([]),
          remove: ['bob', 'carol'],
        })
        expect(await fixture.one.write(channel, node, first(7, ['dave']))).toBe(true)
        expect(await shown(channel)).toEqual({ [node]: { version: 7, users: ['dave'] } })
      })

      it('S4 nodes and channels do not touch one another', async () => {
        const [channel, elsewhere, node] = [fresh(), fresh(), fresh()]
        // An id that is the beginning of another must not be taken for it.
        const nodes = [node, `${node}0`]
        for (const one of nodes) await fixture.one.write(channel, one, first(1, ['alice', 'bob']))
        await fixture.other.write(elsewhere, node, first(2, ['carol']))
        await fixture.one.write(channel, node, { after: 1, version: 3, put: quiet([]), remove: ['alice'] })
        await fixture.one.write(channel, node, first(4, []))
        expect(await shown(channel)).toEqual({
          [node]: { version: 4, users: [] },
          [`${node}0`]: { version: 1, users: ['alice', 'bob'] },
        })
        expect(await shown(elsewhere)).toEqual({ [node]: { version: 2, users: ['carol'] } })
      })

      it('S6 nothing is read of a node that was swept', async () => {
        const [channel, dead, gone, alive] = [fresh(), fresh(), fresh(), fresh()]
        for (const node of [dead, gone, alive]) await fixture.one.write(channel, node, first(1, ['alice']))
        await fixture.other.sweep(channel, [dead, gone])
        expect(await shown(channel)).toEqual({ [alive]: { version: 1, users: ['alice'] } })
        const next = { after: 1, version: 2, put: quiet(['bob']), remove: [] }
        expect(await fixture.one.write(channel, dead, next)).toBe(false)
      })
    })

    describe('while channels expire soon', () => {
      using(BRIEF_MS)

      it('S5 a channel that nobody reads or writes is forgotten as a whole', async () => {
        const [channel, node] = [fresh(), fresh()]
        await fixture.one.write(channel, node, first(1, ['alice']))
        await fixture.advance(BRIEF_MS + STEP_MS)
        expect(await shown(channel)).toEqual({})
        const next = { after: 1, version: 2, put: quiet(['bob']), remove: [] }
        expect(await fixture.one.write(channel, node, next)).toBe(false)
      })

      it('S5 a channel that is read lives on', async () => {
        const [channel, node] = [fresh(), fresh()]
        await fixture.one.write(channel, node, first(1, ['alice']))
        for (let passedMs = 0; passedMs < BRIEF_MS * 3; passedMs += STEP_MS) {
          await fixture.advance(STEP_MS)
          await fixture.other.read(channel)
        }
        expect(await shown(channel)).toEqual({ [node]: { version: 1, users: ['alice'] } })
      })
    })
  })
}

function first(version: number, put: readonly string[]): StoreWrite {
  return { after: 0, version, put: quiet(put), remove: [] }
}

function sorted(users: readonly string[]): string[] {
  return users.toSorted((a, b) => a.localeCompare(b))
}
