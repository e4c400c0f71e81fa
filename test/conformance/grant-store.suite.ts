import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { GrantStore } from '../../src/webhooks/grant-store.ts'

export interface GrantStoreFixture {
  readonly one: GrantStore
  readonly other: GrantStore
  advance(ms: number): Promise<void>
  close(): Promise<void>
}

export function describeGrantStore(name: string, open: () => Promise<GrantStoreFixture>): void {
  describe(`${name} keeps the contract of a store of grants`, () => {
    let fixture: GrantStoreFixture
    const fresh = (): string => `${randomBytes(6).toString('hex')} {ü}`

    beforeAll(async () => {
      fixture = await open()
    })
    afterAll(() => fixture.close())

    it('T1 what was put is answered to every node until its own time is over, and the newest', async () => {
      const { one, other } = fixture
      const user = fresh()
      expect(await one.get(user, 'connect')).toBeUndefined()
      await one.put(user, 'connect', '{"allow":true}', 100)
      await one.put(user, 'on a b', 'first', 60_000)
      await one.put(user, 'on a b', 'x y', 60_000)
      expect(await other.get(user, 'connect')).toBe('{"allow":true}')
      expect(await other.get(user, 'on a b')).toBe('x y')
      expect(await other.get(user, 'on a')).toBeUndefined()
      await fixture.advance(150)
      expect([await one.get(user, 'connect'), await one.get(user, 'on a b')]).toEqual([undefined, 'x y'])
    })

    it("T2 one user's are dropped together, and nothing of another's", async () => {
      const { one, other } = fixture
      const [ann, ben] = [fresh(), fresh()]
      for (const user of [ann, ben])
        for (const what of ['connect', 'on a']) await one.put(user, what, 'yes', 60_000)
      await other.drop(ann)
      expect([await one.get(ann, 'connect'), await one.get(ann, 'on a')]).toEqual([undefined, undefined])
      expect([await one.get(ben, 'connect'), await one.get(ben, 'on a')]).toEqual(['yes', 'yes'])
    })
  })
}
