import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { patientMs } from '../support/patience.ts'
import { allOf } from '../../src/answer.ts'
import {
  SHELVES,
  VERSIONS_MAX,
  type NodeInfo,
  type Registry,
  type RegistryOptions,
  type Standing,
  type StandingWish,
} from '../../src/registry/registry.ts'

/** A store and two of its clients, as two nodes have them. */
export interface RegistryFixture {
  readonly one: Registry
  readonly other: Registry
  /** Lets time pass for the store: on its own clock, or by waiting. */
  advance(ms: number): Promise<void>
  close(): Promise<void>
}

/** Nothing expires while the tests run. */
const LASTING: RegistryOptions = { nodeTtlMs: 600_000, sessionTtlMs: 600_000 }
/** All expires soon, sessions well after nodes. */
const BRIEF: RegistryOptions = { nodeTtlMs: 400, sessionTtlMs: 1_600 }
/** Sessions expire soon, nodes do not. */
const BRIEF_SESSIONS: RegistryOptions = { nodeTtlMs: 600_000, sessionTtlMs: 400 }

const PATIENCE_MS = patientMs(30_000)
const STEP_MS = 50

const UNKNOWN = {
  claim: expect.any(Number) as number,
  known: false,
  previousNode: undefined,
  revokedBeforeMs: undefined,
  sessions: 1,
}

export function describeRegistry(
  name: string,
  open: (options: RegistryOptions) => Promise<RegistryFixture>,
): void {
  let fixture: RegistryFixture

  function using(options: RegistryOptions): void {
    beforeAll(async () => {
      fixture = await open(options)
    })
    afterAll(() => fixture.close())
  }

  async function until(what: string, reached: () => Promise<boolean>): Promise<void> {
    for (let passedMs = 0; passedMs <= PATIENCE_MS; passedMs += STEP_MS) {
      if (await reached()) return
      await fixture.advance(STEP_MS)
    }
    expect.unreachable(`not within ${PATIENCE_MS} ms: ${what}`)
  }

  const fresh = (): string => randomBytes(8).toString('hex')

  /** A node in the table. */
  async function node(more: Partial<NodeInfo> = {}): Promise<string> {
    const info = nodeInfo(fresh(), more)
    await fixture.one.heartbeat(info)
    return info.id
  }

  const nodeIds = async (): Promise<string[]> => (await fixture.other.nodes()).map(({ id }) => id)

  describe(`${name} keeps the contract of a registry`, () => {
    describe('while nothing expires', () => {
      using(LASTING)

      it('R1 a claimed session is located from any node, until it is released', async () => {
        const [user, session, here] = [fresh(), fresh(), await node()]
        expect(await fixture.other.locate(user)).toEqual([])
        await fixture.one.claim(user, session, here)
        for (const registry of [fixture.one, fixture.other])
          expect(await registry.locate(user)).toEqual([{ session, node: here }])
        await fixture.one.release(user, session, here)
        expect(await fixture.other.locate(user)).toEqual([])
      })

      it('R1 all sessions of a user are located, on all nodes', async () => {
        const [user, here, there] = [fresh(), await node(), await node()]
        const places = [
          { session: fresh(), node: here },
          { session: fresh(), node: here },
          { session: fresh(), node: there },
        ]
        await allOf(places.map((place) => fixture.one.claim(user, place.session, place.node)))
        expect(bySession(await fixture.other.locate(user))).toEqual(bySession(places))
        await fixture.one.release(user, (places[0] as { session: string }).session, here)
        expect(bySession(await fixture.other.locate(user))).toEqual(bySession(places.slice(1)))
      })

      it('R1 a session that is claimed by another node is there and nowhere else', async () => {
        const [user, session, here, there] = [fresh(), fresh(), await node(), await node()]
        await fixture.one.claim(user, session, here)
        await fixture.other.claim(user, session, there)
        expect(await fixture.one.locate(user)).toEqual([{ session, node: there }])
      })

      it('R10 a claim counts the sessions that are connected, on all live nodes', async () => {
        const [user, here, there, gone] = [fresh(), await node(), await node(), await node()]
        const [first, second, third, fourth] = [fresh(), fresh(), fresh(), fresh()]
        expect(await fixture.one.claim(user, first, here)).toMatchObject({ sessions: 1 })
        expect(await fixture.other.claim(user, second, there)).toMatchObject({ sessions: 2 })
        expect(await fixture.other.claim(user, second, there)).toMatchObject({ sessions: 2 })
        expect(await fixture.other.claim(user, third, gone)).toMatchObject({ sessions: 3 })
        await fixture.one.release(user, first, here)
        await fixture.other.leave(gone)
        await fixture.one.nodes()
        expect(await fixture.one.claim(user, fourth, here)).toMatchObject({ sessions: 2 })
        expect(await fixture.one.locate(user)).toHaveLength(2)
      })

      it('R10 of many claims at once each counts those before it', async () => {
        const [user, here] = [fresh(), await node()]
        const claims = Array.from({ length: 10 }, (_, i) =>
          (i % 2 === 0 ? fixture.one : fixture.other).claim(user, fresh(), here),
        )
        const counts = (await allOf(claims)).map(({ sessions }) => sessions)
        expect(counts.toSorted((a, b) => a - b)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10])
      })

      it('R2 a claim tells whether the session is known and which node had it', async () => {
        const [user, session, here, there] = [fresh(), fresh(), await node(), await node()]
        expect(await fixture.one.claim(user, session, here)).toEqual(UNKNOWN)
        expect(await fixture.other.claim(user, session, there)).toEqual({
          ...UNKNOWN,
          known: true,
          previousNode: here,
        })
        // Again by the same node: a client that reconnected before its old connection was found to be dead.
        expect(await fixture.other.claim(user, session, there)).toEqual({
          ...UNKNOWN,
          known: true,
          previousNode: there,
        })
      })

      it('R2 of many claims at once each names another predecessor', async () => {
        const [user, session] = [fresh(), fresh()]
        const nodes = await Promise.all(Array.from({ length: 8 }, () => node()))
        const claims = await allOf(
          nodes.map((id, i) => (i % 2 === 0 ? fixture.one : fixture.other).claim(user, session, id)),
        )
        const [place] = await fixture.one.locate(user)
        const chain = new Set([...claims.map(({ previousNode }) => previousNode), place?.node])
        expect(chain).toEqual(new Set([undefined, ...nodes]))
      })

      it('R3 a released session stays known, and is nowhere', async () => {
        const [user, session, here, there] = [fresh(), fresh(), await node(), await node()]
        await fixture.one.claim(user, session, here)
        await fixture.one.release(user, session, here)
        await fixture.one.release(user, session, here)
        expect(await fixture.other.locate(user)).toEqual([])
        expect(await fixture.other.claim(user, session, there)).toEqual({
          ...UNKNOWN,
          known: true,
          previousNode: here,
          detachedForMs: expect.any(Number),
        })
        expect(await fixture.one.locate(user)).toEqual([{ session, node: there }])
      })

      it('R3 a release by a node that does not hold the session any more does nothing', async () => {
        const [user, session, here, there] = [fresh(), fresh(), await node(), await node()]
        await fixture.one.claim(user, session, here)
        await fixture.other.claim(user, session, there)
        await fixture.one.release(user, session, here)
        await fixture.one.release(user, fresh(), here)
        await fixture.one.release(fresh(), session, here)
        expect(await fixture.one.locate(user)).toEqual([{ session, node: there }])
      })

      it('R4 a node is in the table as it last said, until it leaves', async () => {
        const info = nodeInfo(fresh(), { state: 'starting' })
        await fixture.one.heartbeat(info)
        const find = async () => (await fixture.other.nodes()).find(({ id }) => id === info.id)
        expect(await find()).toEqual(info)
        const later: NodeInfo = {
          ...info,
          state: 'draining',
          connections: 12_345,
          pressure: 0.25,
          region: 'eu "north"\n',
        }
        await fixture.one.heartbeat(later)
        expect(await find()).toEqual(later)
        await fixture.other.leave(info.id)
        expect(await find()).toBeUndefined()
      })

      it('R4 what a node claimed that has left is not located, but stays known', async () => {
        const [user, session, here, there] = [fresh(), fresh(), await node(), await node()]
        await fixture.one.claim(user, session, here)
        await fixture.one.leave(here)
        // Who reads the table now and then learns of it a moment later; a node leaves when its clients have left.
        await until('it is nowhere', async () => (await fixture.other.locate(user)).length === 0)
        expect(await fixture.other.claim(user, session, there)).toEqual({ ...UNKNOWN, known: true })
        expect(await fixture.one.locate(user)).toEqual([{ session, node: there }])
      })

      it('R5 every claim of a user whose tokens were revoked says since when', async () => {
        const [user, session, here] = [fresh(), fresh(), await node()]
        await fixture.one.claim(user, session, here)
        await fixture.one.revoke(user, 1_700_000_000_123, 600_000)
        for (const claimed of [session, fresh()]) {
          expect(await fixture.other.claim(user, claimed, here)).toMatchObject({
            revokedBeforeMs: 1_700_000_000_123,
          })
        }
      })

      it('R5 a revocation never takes an earlier one back', async () => {
        const [user, here] = [fresh(), await node()]
        await fixture.one.revoke(user, 2_000, 600_000)
        await fixture.other.revoke(user, 1_000, 600_000)
        expect(await fixture.one.claim(user, fresh(), here)).toMatchObject({ revokedBeforeMs: 2_000 })
        await fixture.other.revoke(user, 3_000, 1)
        await fixture.advance(50)
        expect(await fixture.one.claim(user, fresh(), here)).toMatchObject({ revokedBeforeMs: 3_000 })
      })

      it('R5 the revocation of a user can be asked for', async () => {
        const user = fresh()
        expect(await fixture.other.revoked(user)).toBeUndefined()
        await fixture.one.revoke(user, 1_700_000_000_123, 600_000)
        expect(await fixture.other.revoked(user)).toBe(1_700_000_000_123)
        expect(await fixture.other.revoked(fresh())).toBeUndefined()
      })

      it('R7 of many claims at once each has a greater number than the one before', async () => {
        const [user, session] = [fresh(), fresh()]
        const nodes = await Promise.all(Array.from({ length: 8 }, () => node()))
        const claims = await allOf(
          nodes.map(async (id, i) => ({
            id,
            ...(await (i % 2 === 0 ? fixture.one : fixture.other).claim(user, session, id)),
          })),
        )
        const byNode = new Map(claims.map(({ id, claim }) => [id, claim]))
        for (const { claim, previousNode } of claims)
          if (previousNode !== undefined) expect(claim).toBeGreaterThan(byNode.get(previousNode) as number)
        expect(new Set(byNode.values()).size).toBe(nodes.length)
      })

      it('R7 the number of a claim grows over a release', async () => {
        const [user, session, here, there] = [fresh(), fresh(), await node(), await node()]
        let last = 0
        for (let round = 0; round < 20; round++) {
          const claims = [
            await fixture.one.claim(user, session, here),
            await fixture.other.claim(user, session, there),
          ]
          await fixture.other.release(user, session, there)
          for (const { claim } of claims) {
            expect(claim).toBeGreaterThan(last)
            last = claim
          }
        }
      })

      it('R8 a session that another node has claimed and released is given back to who has it connected', async () => {
        const [user, session, here, there] = [fresh(), fresh(), await node(), await node()]
        await fixture.one.claim(user, session, here)
        await fixture.other.claim(user, session, there)
        await fixture.other.release(user, session, there)
        expect(await fixture.one.keep(user, session, here)).toBeUndefined()
        expect(await fixture.other.locate(user)).toEqual([{ session, node: here }])
        const next = await fixture.other.claim(user, session, there)
        expect(next.previousNode).toBe(here)
      })

      it('R8 a session that another node holds is not taken from it', async () => {
        const [user, session, here, there] = [fresh(), fresh(), await node(), await node()]
        await fixture.one.claim(user, session, here)
        await fixture.other.claim(user, session, there)
        await fixture.advance(20)
        const elsewhere = await fixture.one.keep(user, session, here)
        expect(elsewhere).toEqual({ node: there, forMs: expect.any(Number) as number })
        expect(elsewhere?.forMs).toBeGreaterThanOrEqual(10)
        expect(await fixture.one.locate(user)).toEqual([{ session, node: there }])
        expect(await fixture.other.keep(user, session, there)).toBeUndefined()
        expect(await fixture.one.locate(user)).toEqual([{ session, node: there }])
      })

      it('R8 a session that the node has released itself is entered again', async () => {
        const [user, session, here] = [fresh(), fresh(), await node()]
        await fixture.one.claim(user, session, here)
        await fixture.one.release(user, session, here)
        expect(await fixture.one.keep(user, session, here)).toBeUndefined()
        expect(await fixture.other.locate(user)).toEqual([{ session, node: here }])
      })

      it('R8 a session that the registry knows nothing of is entered', async () => {
        const [user, session, here] = [fresh(), fresh(), await node()]
        expect(await fixture.one.keep(user, session, here)).toBeUndefined()
        expect(await fixture.other.locate(user)).toEqual([{ session, node: here }])
      })

      it('R11 a disconnection is for every claim of the user until then, and for none of another user', async () => {
        const [user, here, there] = [fresh(), await node(), await node()]
        const claims: number[] = []
        // Within one millisecond, or nearly.
        for (let i = 0; i < 20; i++) {
          const claimed = await (i % 2 === 0 ? fixture.one : fixture.other).claim(
            user,
            's',
            i % 2 === 0 ? here : there,
          )
          claims.push(claimed.claim)
        }
        const upTo = await fixture.other.disconnect(user, 600_000)
        expect(upTo).toBeGreaterThanOrEqual(Math.max(...claims))
        await fixture.advance(5)
        expect((await fixture.one.claim(user, 's', here)).claim).toBeGreaterThan(upTo)
      })

      it('R12 what was decided about users is found from any node, since a moment', async () => {
        const [first, second] = [fresh(), fresh()]
        await fixture.one.revoke(first, 1_700_000_000_123, 600_000)
        const { nowMs } = await fixture.other.orders(0)
        await fixture.advance(20)
        await fixture.other.revoke(second, 1_700_000_000_456, 600_000)
        const upTo = await fixture.one.disconnect(first, 600_000)
        for (const registry of [fixture.one, fixture.other]) {
          const all = await registry.orders(0)
          expect(all.complete).toBe(true)
          expect(all.revoked.get(first)).toBe(1_700_000_000_123)
          expect(all.revoked.get(second)).toBe(1_700_000_000_456)
          expect(all.disconnected.get(first)).toBe(upTo)
          expect(all.disconnected.has(second)).toBe(false)
          const since = await registry.orders(nowMs + 10)
          expect(since.revoked.has(first)).toBe(false)
          expect(since.revoked.get(second)).toBe(1_700_000_000_456)
          expect(since.disconnected.get(first)).toBe(upTo)
        }
      })

      it('R12 a later decision takes the place of an earlier one, and is not taken back', async () => {
        const user = fresh()
        await fixture.one.revoke(user, 2_000, 600_000)
        await fixture.other.revoke(user, 3_000, 600_000)
        await fixture.one.revoke(user, 1_000, 600_000)
        expect((await fixture.one.orders(0)).revoked.get(user)).toBe(3_000)
      })

      it('R6 users are apart, however alike their names are', async () => {
        const base = fresh()
        const users = [
          base,
          base.toUpperCase(),
          `${base}:`,
          `${base} `,
          `{${base}}`,
          `}${base}`,
          `${base}*`,
          `${base}.a`,
          `${base}>`,
          `${base}你好🚰`,
          `__proto__${base}`,
          `é${base}`,
          `e\u0301${base}`,
          `${'a'.repeat(240)}${base}`,
        ]
        const here = await node()
        // The same session id, which cannot be, so that only the user tells them apart.
        const session = fresh()
        for (const user of users) expect(await fixture.one.claim(user, session, here)).toEqual(UNKNOWN)
        await fixture.one.revoke(base, 5, 600_000)
        await fixture.one.release(base, session, here)
        expect(await fixture.other.locate(base)).toEqual([])
        for (const user of users.slice(1)) {
          expect(await fixture.other.locate(user)).toEqual([{ session, node: here }])
          expect(await fixture.other.claim(user, session, here)).toMatchObject({
            known: true,
            revokedBeforeMs: undefined,
          })
        }
      })
    })

    describe('the small tables', () => {
      using(LASTING)

      it('R13 a version was first seen when it was first named, whoever names it again', async () => {
        const [old, recent] = [fresh(), fresh()]
        const first = await fixture.one.firstSeen(old, undefined)
        await fixture.advance(5)
        const second = await fixture.other.firstSeen(recent, undefined)
        expect(second).toBeGreaterThan(first)
        await fixture.advance(5)
        expect(await fixture.other.firstSeen(old, undefined)).toBe(first)
        expect(await fixture.one.firstSeen(recent, second)).toBe(second)
      })

      it('R13 what somebody knows of before the store does counts, and later words do not', async () => {
        const version = fresh()
        const now = await fixture.one.firstSeen(version, undefined)
        expect(await fixture.other.firstSeen(version, now - 60_000)).toBe(now - 60_000)
        expect(await fixture.one.firstSeen(version, now)).toBe(now - 60_000)
        expect(await fixture.one.firstSeen(version, undefined)).toBe(now - 60_000)
      })

      it('R13 of very many versions those are forgotten that were named longest ago', async () => {
        const kept = fresh()
        const first = await fixture.one.firstSeen(kept, undefined)
        await fixture.advance(5)
        for (let i = 0; i < VERSIONS_MAX + 10; i++) {
          await fixture.one.firstSeen(`many-${i}`, undefined)
          if (i % 50 === 0) await fixture.one.firstSeen(kept, undefined)
        }
        await fixture.advance(5)
        expect(await fixture.other.firstSeen(kept, undefined)).toBe(first)
        expect(await fixture.other.firstSeen('many-0', undefined)).toBeGreaterThan(first)
      })

      it('R14 what is put on a shelf is read from any node, the newest of each key, until it is taken off', async () => {
        const [key, other] = [`cordon "é" ${fresh()}`, fresh()]
        await fixture.one.put('orders', key, 'old', 600_000)
        await fixture.other.put('orders', key, '{"by":"ops \u00e9"}\n ', 600_000)
        await fixture.one.put('orders', other, '', 600_000)
        const shelf = await fixture.one.read('orders')
        expect([shelf.get(key), shelf.get(other)]).toEqual(['{"by":"ops \u00e9"}\n ', ''])
        expect((await fixture.one.read('drains')).has(key)).toBe(false)
        expect(await fixture.one.take('orders', key)).toBe(true)
        expect(await fixture.other.take('orders', key)).toBe(false)
        expect((await fixture.other.read('orders')).has(key)).toBe(false)
        expect((await fixture.other.read('orders')).has(other)).toBe(true)
      })

      it('R14 of a shelf only what is asked for is read', async () => {
        const [one, two] = [fresh(), fresh()]
        await fixture.one.put('drains', one, 'x', 600_000)
        await fixture.one.put('drains', two, 'y', 600_000)
        expect([...(await fixture.other.read('drains', [two, fresh()]))]).toEqual([[two, 'y']])
        expect([...(await fixture.other.read('drains', []))]).toEqual([])
      })

      it('R15 of several who take the place of a text one does, and whoever saw another text does not', async () => {
        const key = fresh()
        const swap = (
          registry: Registry,
          before: string | undefined,
          text: string,
          ttlMs = 600_000,
        ): Promise<boolean> => registry.swap('jobs', key, before, text, ttlMs).then(({ done }) => done)
        const first = await Promise.all([
          swap(fixture.one, undefined, 'a'),
          swap(fixture.other, undefined, 'b'),
          swap(fixture.one, undefined, 'c'),
        ])
        expect(first.filter(Boolean)).toHaveLength(1)
        const [before] = (await fixture.other.read('jobs', [key])).values()
        expect(before).toBe(['a', 'b', 'c'][first.indexOf(true)])
        expect(await swap(fixture.one, 'none of them', 'x')).toBe(false)
        expect(await swap(fixture.one, '', 'x')).toBe(false)
        expect(await swap(fixture.one, before, '')).toBe(true)
        // What is empty is not what is not there.
        expect(await swap(fixture.other, undefined, 'x')).toBe(false)
        expect(await swap(fixture.other, '', 'd', 100)).toBe(true)
        // What has ended is not there.
        await until('it can be put again', () => swap(fixture.one, undefined, 'e'))
        expect((await fixture.other.read('jobs', [key])).get(key)).toBe('e')
        const { nowMs } = await fixture.one.swap('jobs', key, 'e', 'f', 600_000)
        const later = await fixture.other.swap('jobs', key, 'f', 'g', 600_000)
        expect(nowMs).toBeGreaterThan(0)
        expect(later.nowMs).toBeGreaterThanOrEqual(nowMs)
      })

      it('R14 what is on a shelf ends by itself', async () => {
        const [brief, long] = [fresh(), fresh()]
        await fixture.one.put('drains', brief, 'x', 100)
        await fixture.one.put('drains', long, 'y', 600_000)
        await until('it has ended', async () => !(await fixture.other.read('drains')).has(brief))
        expect((await fixture.other.read('drains')).get(long)).toBe('y')
        expect(await fixture.other.take('drains', brief)).toBe(false)
      })

      it('R14 a full shelf drops what would end soonest', async () => {
        await fixture.one.put('drains', 'soonest', 'x', 300_000)
        for (let i = 0; i < SHELVES.drains; i++)
          await fixture.one.put('drains', `drain-${i}`, 'x', 600_000 + i * 1000)
        const shelf = await fixture.other.read('drains')
        expect(shelf.size).toBe(SHELVES.drains)
        expect(shelf.has('soonest')).toBe(false)
        expect(shelf.has(`drain-${SHELVES.drains - 1}`)).toBe(true)
      })
    })

    describe('where nodes die', () => {
      using(BRIEF)

      it('R4 a node that is not heard of any more is not in the table, and what it holds is nowhere', async () => {
        const [user, session] = [fresh(), fresh()]
        const dying = await node()
        const living = nodeInfo(fresh())
        await fixture.one.heartbeat(living)
        await fixture.one.claim(user, session, dying)
        expect(await fixture.other.locate(user)).toEqual([{ session, node: dying }])
        await until('the node is dead', async () => {
          await fixture.one.heartbeat(living)
          return !(await nodeIds()).includes(dying)
        })
        expect(await nodeIds()).toContain(living.id)
        expect(await fixture.other.locate(user)).toEqual([])
      })

      it('R2 what a dead node held is known for a while, and no node is named', async () => {
        const [user, session] = [fresh(), fresh()]
        const dying = await node()
        await fixture.one.claim(user, session, dying)
        await until('the node is dead', async () => !(await nodeIds()).includes(dying))
        const heir = await node()
        expect(await fixture.other.claim(user, session, heir)).toEqual({ ...UNKNOWN, known: true })
        expect(await fixture.one.locate(user)).toEqual([{ session, node: heir }])
      })

      it('R8 what a node held that is dead goes to who has it connected', async () => {
        const [user, session] = [fresh(), fresh()]
        const dying = await node()
        const living = nodeInfo(fresh())
        await fixture.one.heartbeat(living)
        await fixture.one.claim(user, session, dying)
        await until('the node is dead', async () => {
          await fixture.one.heartbeat(living)
          return !(await nodeIds()).includes(dying)
        })
        expect(await fixture.one.keep(user, session, living.id)).toBeUndefined()
        await fixture.one.heartbeat(living)
        expect(await fixture.other.locate(user)).toEqual([{ session, node: living.id }])
      })

      it('R4 a node that is heard of in time stays, and keeps what it claimed', async () => {
        const [user, session] = [fresh(), fresh()]
        const info = nodeInfo(fresh())
        await fixture.one.heartbeat(info)
        await fixture.one.claim(user, session, info.id)
        for (let passedMs = 0; passedMs < BRIEF.nodeTtlMs * 3; passedMs += STEP_MS) {
          await fixture.one.heartbeat(info)
          await fixture.advance(STEP_MS)
        }
        await fixture.one.heartbeat(info)
        expect(await nodeIds()).toContain(info.id)
        expect(await fixture.other.locate(user)).toEqual([{ session, node: info.id }])
      })
    })

    describe('where sessions are forgotten soon', () => {
      using(BRIEF_SESSIONS)

      it('R3 a released session is unknown some time after', async () => {
        const [user, here, there] = [fresh(), await node(), await node()]
        for (let round = 0; ; round++) {
          const session = fresh()
          await fixture.one.claim(user, session, here)
          await fixture.one.release(user, session, here)
          await fixture.advance(BRIEF_SESSIONS.sessionTtlMs + round * STEP_MS)
          if (!(await fixture.other.claim(user, session, there)).known) break
          expect(round).toBeLessThan(20)
        }
      })

      it('R3 a connected session is known for as long as it is connected', async () => {
        const [user, session, here] = [fresh(), fresh(), await node()]
        await fixture.one.claim(user, session, here)
        await fixture.advance(BRIEF_SESSIONS.sessionTtlMs * 3)
        expect(await fixture.other.locate(user)).toEqual([{ session, node: here }])
        expect(await fixture.other.claim(user, session, here)).toMatchObject({ known: true })
      })

      it('R12 what was decided is forgotten after its time', async () => {
        const [revoked, disconnected] = [fresh(), fresh()]
        await fixture.one.revoke(revoked, 1_000, 200)
        await fixture.one.disconnect(disconnected, 200)
        await until('it is forgotten', async () => {
          // What is older than its time goes when something new is decided.
          await fixture.one.revoke(fresh(), 1_000, 200)
          const orders = await fixture.other.orders(0)
          return !orders.revoked.has(revoked) && !orders.disconnected.has(disconnected)
        })
      })

      it('R5 a revocation is forgotten after its time', async () => {
        const [user, here] = [fresh(), await node()]
        await fixture.one.revoke(user, 1_000, 200)
        await until(
          'it is forgotten',
          async () => (await fixture.one.claim(user, fresh(), here)).revokedBeforeMs === undefined,
        )
      })
    })

    describe('what backends have put users on', () => {
      using(LASTING)
      const on = (...channels: string[]): StandingWish => ({ channels, session: undefined })

      it('R16 is in each claim and asked for from any node, until it is taken off', async () => {
        const [user, here] = [fresh(), await node()]
        expect(await fixture.one.standing(user)).toEqual([])
        await fixture.one.putOn(user, on('a', 'b'))
        await fixture.other.putOn(user, { channels: ['b', 'c'], session: 's1' })
        const all = [
          { channel: 'a', session: undefined },
          { channel: 'b', session: undefined },
          { channel: 'b', session: 's1' },
          { channel: 'c', session: 's1' },
        ]
        const { standing } = await fixture.other.claim(user, fresh(), here)
        expect(standing?.toSorted(byChannel)).toEqual(all)
        expect([...(await fixture.other.standing(user))].toSorted(byChannel)).toEqual(all)
        await fixture.one.takeOff(user, { channels: ['b', 'c'], session: 's1' })
        await fixture.one.takeOff(user, on('a'))
        expect(await fixture.other.standing(user)).toEqual([{ channel: 'b', session: undefined }])
        await fixture.one.putOn(user, { channels: ['b'], session: 's2' })
        await fixture.one.takeOff(user, on('b'))
        expect(await fixture.other.claim(user, fresh(), here)).not.toHaveProperty('standing')
      })

      it('R16 is told as a change, to whoever asks since then', async () => {
        const [user, another] = [fresh(), fresh()]
        await fixture.one.putOn(user, on('a'))
        const { nowMs, changed } = await fixture.other.orders(0)
        expect(changed?.has(user)).toBe(true)
        expect(changed?.has(another)).toBe(false)
        await fixture.advance(5)
        await fixture.one.takeOff(another, on('a'))
        expect((await fixture.other.orders(nowMs)).changed?.has(another)).toBe(true)
      })

      it('R16 is a hundred channels at most, and of too many none is kept', async () => {
        const user = fresh()
        const many = Array.from({ length: 99 }, (_, index) => `c${index}`)
        await fixture.one.putOn(user, on(...many))
        await expect(fixture.one.putOn(user, on('x', 'y'))).rejects.toMatchObject({ code: 'limit_exceeded' })
        await fixture.one.putOn(user, on('x', 'c1'))
        expect(await fixture.other.standing(user)).toHaveLength(100)
      })
    })

    it('can be closed again', async () => {
      const closing = await open(LASTING)
      expect(closing.one.healthy()).toBe(true)
      await closing.one.close()
      await closing.one.close()
      await closing.close()
    })
  })
}

function nodeInfo(id: string, more: Partial<NodeInfo> = {}): NodeInfo {
  return {
    id,
    version: '1.2.3',
    region: 'eu',
    role: 'all',
    state: 'active',
    startedAt: 1_700_000_000_000,
    connections: 0,
    pressure: 0,
    rates: { connects: 0, published: 0, delivered: 0 },
    degraded: [],
    address: '127.0.0.1:8081',
    ...more,
  }
}

function bySession(places: readonly { session: string; node: string }[]): object[] {
  return places.toSorted((a, b) => a.session.localeCompare(b.session))
}

function byChannel(a: Standing, b: Standing): number {
  return `${a.channel} ${a.session ?? ''}`.localeCompare(`${b.channel} ${b.session ?? ''}`)
}
