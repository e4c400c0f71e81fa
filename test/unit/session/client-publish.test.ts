import { beforeEach, describe, expect, it } from 'vitest'
import { SluiceError } from '../../../src/errors.ts'
import {
  publishFor,
  type ClientMessage,
  type ClientPublishPorts,
} from '../../../src/session/client-publish.ts'
import type { Identity } from '../../../src/session/ports.ts'
import { UserQuotas } from '../../../src/session/quotas.ts'

const ANN = {
  user: 'ann',
  permissions: { mayPublish: (channel: string) => channel === 'chat' || channel === '@inbox' },
} as unknown as Identity
const PUBLISHED = { epoch: 'e', offset: 1, duplicate: false }
const FORWARDED = { epoch: 'e', offset: 2, duplicate: false }

let done: unknown[]
let denied: unknown[]
let failing: Error | undefined
let quotas: UserQuotas

beforeEach(() => {
  done = []
  denied = []
  failing = undefined
  quotas = new UserQuotas({ connections: 0, subscriptions: 0, publishesPerSecond: 1 })
})

async function publish(channel: string, clientPublish: 'deny' | 'fanout' | 'forward') {
  const message = { channel } as ClientMessage
  const answer = (what: string, published: typeof PUBLISHED) => (user: string, given: ClientMessage) => {
    expect(given).toBe(message)
    done.push([what, user])
    return failing === undefined ? Promise.resolve(published) : Promise.reject(failing)
  }
  const ports = {
    policyOf: () => ({ clientPublish }),
    publish: answer('fanout', PUBLISHED),
    forward: answer('forward', FORWARDED),
    quotas,
    metrics: {
      publishDenied: (error: SluiceError, user: string, where: string) =>
        void denied.push([error.code, user, where]),
      limitHit: () => undefined,
    },
    clock: { monotonicMs: () => 0 },
  } as unknown as ClientPublishPorts
  return await publishFor(ANN, message, ports)
}

describe('a publish by a client', () => {
  it('goes to the subscribers or to the backend, as its namespace has it', async () => {
    expect(await publish('chat', 'fanout')).toBe(PUBLISHED)
    expect(await publish('chat', 'forward')).toBe(FORWARDED)
    expect(done).toEqual([
      ['fanout', 'ann'],
      ['forward', 'ann'],
    ])
    expect(denied).toEqual([])
  })

  it.each([
    ['@inbox', 'fanout', 'clients do not publish to inboxes'],
    ['other', 'fanout', 'the token does not allow to publish to other'],
    ['chat', 'deny', 'clients do not publish to chat: its namespace has clientPublish deny'],
  ] as const)(
    'to %s where it is %s is refused, counted, and costs nothing of what he may publish',
    async (...given) => {
      const [channel, clientPublish, message] = given
      for (let i = 0; i < 10; i++)
        await expect(publish(channel, clientPublish)).rejects.toMatchObject({ code: 'forbidden', message })
      expect(done).toEqual([])
      expect(denied).toHaveLength(10)
      expect(denied[0]).toEqual(['forbidden', 'ann', channel])
      await publish('chat', 'fanout')
    },
  )

  it('faster than the user may is refused and counted', async () => {
    for (let i = 0; i < 2; i++) await publish('chat', 'fanout')
    await expect(publish('chat', 'forward')).rejects.toMatchObject({ code: 'rate_limited' })
    expect(done).toHaveLength(2)
    expect(denied).toEqual([['rate_limited', 'ann', 'chat']])
  })

  it('that the log does not take fails as it does, and is none that was refused', async () => {
    failing = new SluiceError('unavailable', 'away')
    await expect(publish('chat', 'fanout')).rejects.toBe(failing)
    expect(denied).toEqual([])
  })

  it('is none that was refused where a fault of the gateway ended it', async () => {
    const fault = new TypeError('a fault')
    quotas.publish = () => {
      throw fault
    }
    await expect(publish('chat', 'fanout')).rejects.toBe(fault)
    expect(denied).toEqual([])
  })
})
