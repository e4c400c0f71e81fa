import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { AckStore } from '../../src/acks/ack-store.ts'

/** A store and two of its clients, as two nodes have them. */
export interface AckStoreFixture {
  readonly one: AckStore
  readonly other: AckStore
  close(): Promise<void>
}

export type OpenAckStore = () => Promise<AckStoreFixture>

/** Equally long, as those of one log are; each later than the one before. */
const EPOCHS = ['0z', 'a1', 'a2', 'zz', '100', '10a'] as const
const EPOCH = EPOCHS[1]

export function describeAckStore(name: string, open: OpenAckStore): void {
  describe(`${name} keeps the contract of an ack store`, () => {
    let fixture: AckStoreFixture
    let users = 0

    beforeAll(async () => {
      fixture = await open()
    })
    afterAll(() => fixture.close())

    function fresh(): string {
      return `user ${++users}`
    }

    /** What both say, once they agree on it. */
    async function agreed(user: string, channel: string, epoch: string, offset: number): Promise<void> {
      for (const store of [fixture.one, fixture.other]) {
        await expect.poll(() => store.acked(user, channel)).toEqual({ epoch, offset })
      }
    }

    it('A1 nothing is known of whoever has acknowledged nothing', async () => {
      expect(await fixture.one.acked(fresh(), 'a')).toBeUndefined()
    })

    it('A1 the furthest position counts, in whatever order they come', async () => {
      const user = fresh()
      for (const offset of [3, 9, 0, 7]) fixture.one.ack(user, 'a', EPOCH, offset)
      expect(await fixture.one.acked(user, 'a')).toEqual({ epoch: EPOCH, offset: 9 })
      await agreed(user, 'a', EPOCH, 9)
      fixture.one.ack(user, 'a', EPOCH, 8)
      expect(await fixture.one.acked(user, 'a')).toEqual({ epoch: EPOCH, offset: 9 })
    })

    it('A1 the furthest position counts, whichever node it comes from', async () => {
      const user = fresh()
      fixture.one.ack(user, 'a', EPOCH, 5)
      await agreed(user, 'a', EPOCH, 5)
      fixture.other.ack(user, 'a', EPOCH, 4)
      fixture.other.ack(user, 'b', EPOCH, 1)
      await agreed(user, 'b', EPOCH, 1)
      expect(await fixture.one.acked(user, 'a')).toEqual({ epoch: EPOCH, offset: 5 })
      fixture.other.ack(user, 'a', EPOCH, 6)
      await agreed(user, 'a', EPOCH, 6)
    })

    it('A1 what two nodes are told at once ends with the furthest', async () => {
      const found = Array.from({ length: 20 }, fresh)
      for (const [i, user] of found.entries()) {
        fixture.one.ack(user, 'a', EPOCH, i)
        fixture.other.ack(user, 'a', EPOCH, 10)
      }
      for (const [i, user] of found.entries()) await agreed(user, 'a', EPOCH, Math.max(i, 10))
    })

    it('A1 offset 0 and the largest one are positions', async () => {
      const user = fresh()
      fixture.one.ack(user, 'a', EPOCH, 0)
      await agreed(user, 'a', EPOCH, 0)
      fixture.one.ack(user, 'a', EPOCH, Number.MAX_SAFE_INTEGER)
      await agreed(user, 'a', EPOCH, Number.MAX_SAFE_INTEGER)
    })

    it('A2 users and channels are apart, whatever they are called', async () => {
      const pairs = [
        ['a', 'b'],
        ['a', 'b.c'],
        ['a.b', 'c'],
        ['', 'a'],
        ['a', ''],
        ['A', 'b'],
        ['=', ''],
        ['a b', '*'],
        ['a', '>'],
        ['é', '@é'],
        ['e\u0301', '@é'],
        ['🚰', 'a:b/c@d=+$'],
        ['a\n', '\0'],
        ['x'.repeat(256), 'y'.repeat(128)],
      ] as const
      for (const [i, [user, channel]] of pairs.entries()) fixture.one.ack(user, channel, EPOCH, i)
      for (const [i, [user, channel]] of pairs.entries()) await agreed(user, channel, EPOCH, i)
    })

    it('A3 a later epoch starts anew, and an earlier one changes nothing', async () => {
      const user = fresh()
      let offset = 1000
      for (const epoch of EPOCHS) {
        fixture.one.ack(user, 'a', epoch, --offset)
        await agreed(user, 'a', epoch, offset)
      }
      for (const epoch of EPOCHS.slice(0, -1)) {
        fixture.one.ack(user, 'a', epoch, 5000)
        fixture.other.ack(user, 'a', epoch, 5000)
        expect(await fixture.one.acked(user, 'a')).toEqual({ epoch: EPOCHS.at(-1), offset })
      }
      // Written after those: so they had their chance.
      for (const store of [fixture.one, fixture.other]) store.ack(user, 'after', EPOCH, 1)
      await agreed(user, 'after', EPOCH, 1)
      await agreed(user, 'a', EPOCHS.at(-1) as string, offset)
    })

    it('A4 the node that was told knows at once', async () => {
      const user = fresh()
      for (const offset of [1, 2, 3]) {
        fixture.one.ack(user, 'a', EPOCH, offset)
        expect(await fixture.one.acked(user, 'a')).toEqual({ epoch: EPOCH, offset })
      }
    })

    // The last: it closes one of the two.
    it('A5 closing writes what was waiting, and fails with unavailable afterwards', async () => {
      expect(fixture.other.healthy()).toBe(true)
      const closing = await open()
      try {
        closing.one.ack('user', 'a', EPOCH, 7)
        const before = closing.one === closing.other ? undefined : closing.other
        await closing.one.close()
        await closing.one.close()
        if (before !== undefined) {
          expect(await before.acked('user', 'a')).toEqual({ epoch: EPOCH, offset: 7 })
        }
        closing.one.ack('user', 'a', EPOCH, 8)
        await expect(closing.one.acked('user', 'a')).rejects.toMatchObject({
          name: 'SluiceError',
          code: 'unavailable',
        })
        expect(closing.one.healthy()).toBe(false)
      } finally {
        await closing.close()
      }
    })
  })
}
