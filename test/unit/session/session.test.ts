import { NO_HOOKS } from '../../support/no-hooks.ts'
import { beforeEach, describe, expect, it } from 'vitest'
import { Closing, SluiceError } from '../../../src/errors.ts'
import type { Opened } from '../../../src/hub/opened.ts'
import type { Subscription } from '../../../src/hub/subscription.ts'
import type { Entry } from '../../../src/presence/info.ts'
import type { From, Position } from '../../../src/protocol/position.ts'
import type { Attempt } from '../../../src/session/attempts.ts'
import { ConnectionGone, type Connection, type MoveOrder } from '../../../src/session/connection.ts'
import type { Identity, SessionContext } from '../../../src/session/ports.ts'
import { UserQuotas } from '../../../src/session/quotas.ts'
import { Session } from '../../../src/session/session.ts'
import { settled } from '../../support/session-world.ts'

/** One session among ports that say what is asked of them, in order. What becomes of it while it waits is in `waits.test.ts`. */

const AT: Position = { epoch: 'e', offset: 9 }
const NOW_MS = 1_000_000

let happened: unknown[]
/** What each channel has. */
let presence: boolean
let acknowledged: boolean
let mayEverything: boolean
let expiresAtMs: number | undefined
let revokedBeforeMs: number | undefined
let revokedMeanwhileMs: number | undefined
let followed: boolean
let connectionClosed: boolean
let went: 'asked' | 'leaves'
/** Called with each thing that the connection is asked for. */
let onWord: (word: string) => void
let session: Session
let quotas: UserQuotas

const note = (...what: readonly unknown[]): void => void happened.push(what.length === 1 ? what[0] : what)

function subscriptionTo(name: string): Subscription {
  return {
    source: { name },
    subscriber: connection,
    position: AT,
    close: () => note(`close ${name}`),
    resume: () => note(`resume ${name}`),
    begin: (reset: unknown) => note('begin', name, reset),
    acknowledge: (offset: number) => `covered ${offset}`,
  } as unknown as Subscription
}

function identityOf(user: string, channels: readonly string[] | 'all' = 'all'): Identity {
  const may = (channel: string): boolean => channels === 'all' || channels.includes(channel)
  const permissions = { maySubscribe: may, mayPublish: may, mayReadHistory: may }
  return { user, permissions, expiresAtMs, issuedAtMs: 500 }
}

function contextOf(): SessionContext {
  return {
    options: {
      pingIntervalMs: 1000,
      reauth: { intervalMs: 100_000, deadlineMs: 1000 },
      subscriptionsMax: 2,
      sessionsPerUserMax: 0,
    },
    attempts: {
      begin: (user: string, of: string | undefined) => {
        note('attempt', user, of)
        return { revokedBeforeMs: revokedMeanwhileMs } as Attempt
      },
      end: () => note('attempt over'),
    },
    ports: {
      hub: {
        open: (name: string, from: From | undefined) => {
          note('open', name, from)
          const opened: Partial<Opened> = {
            start: AT,
            recovered: false,
            reset: 'gap',
            subscription: subscriptionTo(name),
          }
          return Promise.resolve(opened)
        },
      },
      registry: { revoked: () => Promise.resolve(revokedBeforeMs) },
      tokens: {
        // A token is the user, and the channels.
        verify: (token: string) => {
          const [user = '', channels] = token.split(' ')
          return user === 'bad'
            ? Promise.reject(new SluiceError('unauthorized', 'no good token'))
            : Promise.resolve(identityOf(user, channels?.split(',') ?? 'all'))
        },
        isRevoked: ({ issuedAtMs }: Identity, beforeMs: number | undefined) =>
          beforeMs !== undefined && (issuedAtMs ?? 0) <= beforeMs,
      },
      clock: { now: () => NOW_MS, random: () => 0.5, monotonicMs: () => 0 },
      wheel: {
        schedule: (_session: unknown, inMs: number) => note('wheel', inMs),
        cancel: () => note('wheel off'),
      },
      metrics: {
        reauth: (result: string) => note(`reauth ${result}`),
        errorSent: (code: string) => note(`error ${code}`),
        limitHit: (limit: string) => note(`limit ${limit}`),
        acknowledged: (covered: unknown) => note('acknowledged', covered),
        publishDenied: () => undefined,
      },
      witness: {
        get tap() {
          if (!followed) return undefined
          return {
            told: (_session: unknown, type: string, fields: object) => note('told', type, fields),
            acknowledged: (_session: unknown, channel: string, offset: number) =>
              note('seen', channel, offset),
          }
        },
      },
      quotas,
      presence: {
        now: () => NOW_MS,
        entered: (channel: string, user: string, _who: unknown, entry: Entry | undefined) =>
          note('entered', channel, user, entry),
        says: (channel: string, user: string, _who: unknown, entry: Entry) =>
          note('says', channel, user, entry),
        left: (channel: string, user: string) => note('left', channel, user),
      },
      presenceRules: { bytesMax: 1000, jsonDepthMax: 8 },
      hooks: NO_HOOKS,
      acks: {
        ack: (user: string, name: string, epoch: string, offset: number) =>
          note('ack', user, name, epoch, offset),
        acked: () => Promise.resolve(undefined),
      },
      ticketOf: (tag: string) => `ticket of ${tag}`,
      policyOf: () => ({ clientPublish: 'fanout', presence, acknowledged, max: 10 }),
      publish: (user: string, message: unknown) => {
        note('publish', user, message)
        return Promise.resolve({ epoch: 'e', offset: 10, duplicate: false })
      },
      failed: (what: string, error: unknown) => note('failed', what, error),
    },
  } as unknown as SessionContext
}

const connection = {
  get closed() {
    return connectionClosed
  },
  unsubscribed: (channel: string) => note('unsubscribed', channel),
  reauth: (deadlineMs: number) => {
    note('reauth', deadlineMs)
    onWord('reauth')
  },
  move: (order: MoveOrder) => {
    note('move', order)
    return went
  },
  end: ({ why, code, message }: Closing) => note('end', why, code, message),
} as unknown as Connection

beforeEach(() => {
  happened = []
  presence = acknowledged = followed = connectionClosed = false
  mayEverything = true
  expiresAtMs = revokedBeforeMs = revokedMeanwhileMs = undefined
  went = 'asked'
  onWord = () => undefined
  quotas = new UserQuotas({ connections: 0, subscriptions: 0, publishesPerSecond: 0 })
  made()
})

/** Anew, with what the test has set. */
function made(): void {
  const identity = identityOf('ann', mayEverything ? 'all' : [])
  const id = `${'x'.repeat(24)}ann-----`
  session = new Session({ id, claim: 7, movedFrom: undefined }, identity, subscriptionTo('@ann'), contextOf())
}

/** Nothing of what led there. */
function since(): unknown[] {
  const all = happened
  happened = []
  return all
}

async function on(...channels: string[]): Promise<void> {
  for (const channel of channels) await session.subscribe(channel, undefined, () => undefined)
  since()
}

const told = (start: unknown): void => note('reply', start)
const fails = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => expect.unreachable('it did not fail'),
    ({ code, message }: SluiceError) => [code, message],
  )

describe('a session', () => {
  it('is asked for a fresh token in the last quarter of its time', () => {
    expect(since()).toEqual([['wheel', 87_500]])
    expiresAtMs = NOW_MS + 10_000
    made()
    // Before it expires, one and a half times as long as the client has.
    expect(since()).toEqual([['wheel', 8500]])
    expect(session.wheelTick).toBeLessThan(0)
  })

  it('has its inbox, and each channel that it is on', async () => {
    expect([session.subscriptionCount, session.user, session.connection]).toEqual([1, 'ann', connection])
    await on('a', 'b')
    expect(session.subscriptionCount).toBe(3)
    expect([...session.subscriptions()].map(({ source }) => source.name)).toEqual(['@ann', 'a', 'b'])
    expect(session.subscriptionOf('@inbox')?.source.name).toBe('@ann')
    expect(session.subscriptionOf('b')?.source.name).toBe('b')
    expect(session.subscriptionOf('c')).toBeUndefined()
    session.resume()
    expect(since()).toEqual(['resume @ann', 'resume a', 'resume b'])
  })

  it('ends once with all that it is on', async () => {
    presence = true
    await on('a')
    session.close()
    session.close()
    expect(since()).toEqual(['wheel off', 'close a', ['left', 'a', 'ann'], 'close @ann'])
    expect([session.subscriptionCount, quotas.subscriptions('ann')]).toEqual([1, 0])
  })

  it('that the gateway cannot go on with ends, and its client is told no more than that', () => {
    since()
    session.abandon()
    expect(since()).toEqual([
      ['end', 'internal', 'internal', 'the gateway failed to go on with this session; its log says more'],
    ])
  })
})

describe('a channel that is subscribed to', () => {
  it('begins after the client was told where', async () => {
    presence = followed = true
    since()
    await session.subscribe('a', { last: 2 }, told)
    expect(since()).toEqual([
      ['open', 'a', { last: 2 }],
      ['reply', { position: AT, recovered: false, at: undefined }],
      ['told', 'subscribed', { channel: 'a', ...AT, recovered: false }],
      ['entered', 'a', 'ann', undefined],
      ['begin', 'a', 'gap'],
    ])
    expect(quotas.subscriptions('ann')).toBe(1)
  })

  it('is none that anybody is in where its namespace does not keep that', async () => {
    await session.subscribe('a', undefined, () => undefined)
    await session.unsubscribe('a', () => undefined)
    expect(since().flat()).not.toContain('entered')
    expect(since().flat()).not.toContain('left')
  })

  it('and asked for again goes on where it is, and the log is not asked', async () => {
    await on('a')
    await session.subscribe('a', undefined, told)
    expect(since()).toEqual([['reply', { position: AT, recovered: true, at: undefined }]])
  })

  it('and asked for from elsewhere begins anew there, which counts once, also where there is room for no other', async () => {
    presence = true
    await on('a', 'b')
    await session.subscribe('a', { last: 1 }, told)
    expect(since()).toEqual([
      ['open', 'a', { last: 1 }],
      ['reply', { position: AT, recovered: false, at: undefined }],
      'close a',
      ['begin', 'a', 'gap'],
    ])
    expect([session.subscriptionCount, quotas.subscriptions('ann')]).toEqual([3, 2])
    expect(await fails(session.subscribe('c', undefined, told))).toEqual([
      'limit_exceeded',
      '2 channels are subscribed to; limits.subscriptions allows no more',
    ])
  })

  it('as the inbox is the user’s, whatever the token says, and takes no place', async () => {
    mayEverything = false
    made()
    since()
    const former = session.subscriptionOf('@inbox')
    await session.subscribe('@inbox', { last: 1 }, told)
    expect(since()).toEqual([
      ['open', '@ann', { last: 1 }],
      ['reply', { position: AT, recovered: false, at: undefined }],
      'close @ann',
      ['begin', '@ann', 'gap'],
    ])
    expect(session.subscriptionOf('@inbox')).not.toBe(former)
    expect([session.subscriptionCount, quotas.subscriptions('ann')]).toEqual([1, 0])
    expect(await fails(session.subscribe('a', undefined, told))).toMatchObject([
      'forbidden',
      expect.any(String),
    ])
  })

  it('is closed where the reply ends the connection', async () => {
    since()
    const subscribing = session.subscribe('a', undefined, () => {
      connectionClosed = true
    })
    await expect(subscribing).rejects.toBeInstanceOf(ConnectionGone)
    expect(since()).toEqual([['open', 'a', undefined], 'close a'])
    expect(quotas.subscriptions('ann')).toBe(0)
  })

  it('may be entered with what the client says of its user, then and later', async () => {
    presence = true
    since()
    const at = NOW_MS - 5
    const entry = { json: '{"mood":"good"}', at, user: undefined }
    await session.subscribe('a', undefined, told, entry)
    expect(since()).toEqual([
      ['open', 'a', undefined],
      ['reply', { position: AT, recovered: false, at }],
      ['entered', 'a', 'ann', entry],
      ['begin', 'a', 'gap'],
    ])
    await session.subscribe('a', undefined, told, entry)
    expect(since()).toEqual([
      ['says', 'a', 'ann', entry],
      ['reply', { position: AT, recovered: true, at }],
    ])
    await session.subscribe('a', { last: 1 }, () => undefined, entry)
    expect(since()).toContainEqual(['says', 'a', 'ann', entry])
    expect(await session.enter('a', entry)).toBe(at)
    expect(since()).toEqual([['says', 'a', 'ann', entry]])
  })
})

describe('a channel that is left', () => {
  it('ends after the client was told', async () => {
    presence = followed = true
    await on('a', 'b')
    await session.unsubscribe('a', () => note('reply'))
    expect(since()).toEqual([
      'reply',
      ['told', 'unsubscribed', { channel: 'a', byGateway: false }],
      'close a',
      ['left', 'a', 'ann'],
    ])
    expect(quotas.subscriptions('ann')).toBe(1)
  })

  it('is one that the session is on, and not its inbox', async () => {
    since()
    expect(await fails(session.unsubscribe('a', () => note('reply')))).toEqual([
      'not_found',
      'a is not subscribed to',
    ])
    expect(await fails(session.unsubscribe('@inbox', () => note('reply')))).toEqual([
      'bad_request',
      '@inbox belongs to the connection; it cannot be left',
    ])
    expect(since()).toEqual([])
  })

  it('ends once where the reply ends the connection, and the session with it', async () => {
    await on('a')
    await session.unsubscribe('a', () => session.close())
    expect(since()).toEqual(['wheel off', 'close a', 'close @ann'])
    expect(quotas.subscriptions('ann')).toBe(0)
  })
})

describe('what a client says beside that', () => {
  it('is published as its user', async () => {
    followed = true
    since()
    const message = { channel: 'a' } as never
    expect(await session.publish(message)).toEqual({ epoch: 'e', offset: 10, duplicate: false })
    expect(since()).toEqual([
      ['publish', 'ann', message],
      ['told', 'published', { epoch: 'e', offset: 10, duplicate: false }],
    ])
  })

  it('acknowledges what it has, in its inbox too, and nothing of a channel without messages', async () => {
    acknowledged = followed = true
    await on('a')
    session.ack('a', 9)
    session.ack('@inbox', 4)
    session.ack('a', 0)
    expect(since()).toEqual([
      ['seen', 'a', 9],
      ['ack', 'ann', 'a', 'e', 9],
      ['acknowledged', 'covered 9'],
      ['seen', '@inbox', 4],
      ['ack', 'ann', '@ann', 'e', 4],
      ['acknowledged', 'covered 4'],
      ['seen', 'a', 0],
    ])
    followed = false
    session.ack('a', 8)
    expect(since()).toEqual([
      ['ack', 'ann', 'a', 'e', 8],
      ['acknowledged', 'covered 8'],
    ])
    expect(() => session.ack('b', 1)).toThrow('ack: b is not subscribed to')
    connectionClosed = true
    expect(() => session.ack('a', 9)).toThrow(ConnectionGone)
  })

  it.each(['the connection', 'the session'])('is nothing once %s has ended', async (what) => {
    if (what === 'the connection') connectionClosed = true
    else session.close()
    since()
    for (const request of [
      () => session.subscribe('a', undefined, told),
      () => session.unsubscribe('a', () => note('reply')),
      () => session.publish({ channel: 'a' } as never),
      () => session.authenticate('ann'),
      () => session.members('a'),
    ])
      await expect(request()).rejects.toBeInstanceOf(ConnectionGone)
    expect(since()).toEqual([])
  })

  it('is answered with what went wrong, which is counted, and logged where the fault is ours', () => {
    followed = true
    since()
    const away = new SluiceError('unavailable', 'away')
    expect(session.refusal(away)).toBe(away)
    expect(since()).toEqual([
      'error unavailable',
      ['told', 'error', { code: 'unavailable', message: 'away' }],
    ])
    const fault = new TypeError('a fault')
    expect(session.refusal(fault)).toMatchObject({ code: 'internal' })
    expect(since().slice(0, 2)).toEqual([['failed', 'a request of a client', fault], 'error internal'])
    expect(session.refusal(new ConnectionGone())).toBeUndefined()
    expect(since()).toEqual([])
  })
})

describe('a session that is to go elsewhere', () => {
  const order: MoveOrder = { delayMs: 5, deadlineMs: 50, reason: 'drain', to: 'wss://n2' }

  it('is asked to, where its protocol has a word for that', () => {
    followed = true
    since()
    expect(session.move(order)).toBe('asked')
    expect(since()).toEqual([
      ['move', order],
      ['told', 'move', { reason: 'drain', delay: 5, deadline: 50, url: 'wss://n2' }],
    ])
    went = 'leaves'
    expect(session.move(order)).toBe('leaves')
    expect(since()).toEqual([['move', order]])
  })

  it('costs nobody a word where nobody follows its user', () => {
    since()
    expect(session.move(order)).toBe('asked')
    expect(since()).toEqual([['move', order]])
  })
})

describe('a fresh token', () => {
  it('is asked for, and the connection ends where none comes in time', () => {
    followed = true
    since()
    session.due()
    expect(since()).toEqual([
      'reauth asked',
      ['reauth', 1000],
      ['told', 'reauth', { deadline: 1000 }],
      ['wheel', 1000],
    ])
    session.due()
    expect(since()).toEqual([
      'reauth expired',
      ['end', 'unauthorized', 'unauthorized', 'no fresh token came in time'],
    ])
  })

  it('is not waited for where asking for it ended the connection', () => {
    onWord = () => session.close()
    since()
    session.due()
    expect(since()).not.toContainEqual(['wheel', 1000])
  })

  it('is taken, and asked for again in its time', async () => {
    followed = true
    since()
    session.due()
    since()
    expiresAtMs = NOW_MS + 10_000
    expect(await session.authenticate('ann')).toEqual({ ticket: 'ticket of ann-----', expiresAtMs })
    expect(since()).toEqual([
      ['attempt', 'ann', undefined],
      ['wheel', 8500],
      'attempt over',
      'reauth renewed',
      ['told', 'authenticated', { expiresAt: expiresAtMs }],
    ])
    session.due()
    expect(since()[0]).toBe('reauth asked')
  })

  it('that allows less ends what it does not allow, and nothing else', async () => {
    presence = followed = true
    await on('a', 'b')
    await session.authenticate('ann b')
    expect(since().slice(2, -3)).toEqual([
      ['unsubscribed', 'a'],
      ['told', 'unsubscribed', { channel: 'a', byGateway: true }],
      'close a',
      ['left', 'a', 'ann'],
    ])
    expect([session.subscriptionCount, quotas.subscriptions('ann')]).toEqual([2, 1])
    expect(await fails(session.subscribe('a', undefined, told))).toMatchObject([
      'forbidden',
      expect.any(String),
    ])
  })

  it.each([
    ['is no good one', 'bad', 'unauthorized', 'no good token'],
    [
      'is another user’s',
      'ben',
      'forbidden',
      "auth: the token is another user's; a connection keeps its user",
    ],
  ])('that %s is refused, and the one before holds', async (_, token, code, message) => {
    since()
    const before = session.identity
    expect(await fails(session.authenticate(token))).toEqual([code, message])
    expect(since()).toEqual([['attempt', 'ann', undefined], 'reauth refused', 'attempt over'])
    expect(session.identity).toBe(before)
  })

  it.each([
    ['the registry says', () => void (revokedBeforeMs = 500)],
    ['was told meanwhile', () => void (revokedMeanwhileMs = 500)],
  ])('that was revoked, as %s, is refused', async (_, revoke) => {
    revoke()
    since()
    expect(await fails(session.authenticate('ann'))).toEqual([
      'unauthorized',
      'auth: the token has been revoked',
    ])
    expect(since()).toContain('reauth refused')
    revokedBeforeMs = revokedMeanwhileMs = 499
    expect(await session.authenticate('ann')).toBeDefined()
  })

  it('of a client that has gone meanwhile is none that was refused', async () => {
    since()
    const authenticating = session.authenticate('ann')
    connectionClosed = true
    await expect(authenticating).rejects.toBeInstanceOf(ConnectionGone)
    await settled()
    expect(since()).toEqual([['attempt', 'ann', undefined], 'attempt over'])
  })
})
