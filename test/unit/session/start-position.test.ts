import { NO_HOOKS } from '../../support/no-hooks.ts'
import { describe, expect, it } from 'vitest'
import { SluiceError } from '../../../src/errors.ts'
import type { Opened } from '../../../src/hub/opened.ts'
import type { Subscriber } from '../../../src/hub/subscriber.ts'
import type { From, Position } from '../../../src/protocol/position.ts'
import { checkAck, openChannel, type UnacknowledgedPorts } from '../../../src/session/start-position.ts'

const OPENED = {} as Opened
const SUBSCRIBER = {} as Subscriber
const AT: Position = { epoch: 'e', offset: 4 }

/** Opens `orders`; answers where the hub was asked to start, and who was asked for his acknowledgements. */
async function open(
  { acknowledged, acked }: { acknowledged: boolean; acked?: Position },
  from: From | undefined,
): Promise<{ readonly starts: unknown[]; readonly asked: string[] }> {
  const starts: unknown[] = []
  const asked: string[] = []
  const ports = {
    hub: {
      open: (channel: string, at: From | undefined, subscriber: Subscriber) => {
        expect(subscriber).toBe(SUBSCRIBER)
        starts.push([channel, at])
        return Promise.resolve(OPENED)
      },
    },
    acks: {
      acked: (user: string, channel: string) => {
        asked.push(`${user} ${channel}`)
        return Promise.resolve(acked)
      },
    },
    hooks: NO_HOOKS,
    policyOf: () => ({ acknowledged, max: 50 }),
  } as unknown as UnacknowledgedPorts
  expect(await openChannel(ports, 'ann', 'orders', from, SUBSCRIBER)).toBe(OPENED)
  return { starts, asked }
}

describe('where a user starts', () => {
  it('is what he says, whatever he has acknowledged', async () => {
    const from = { last: 3 }
    expect(await open({ acknowledged: true, acked: AT }, from)).toEqual({
      starts: [['orders', from]],
      asked: [],
    })
  })

  it('is with what comes next where messages are not acknowledged', async () => {
    expect(await open({ acknowledged: false, acked: AT }, undefined)).toEqual({
      starts: [['orders', undefined]],
      asked: [],
    })
  })

  it('is after his last acknowledgement where they are', async () => {
    expect(await open({ acknowledged: true, acked: AT }, undefined)).toEqual({
      starts: [['orders', AT]],
      asked: ['ann orders'],
    })
  })

  it('is all that is kept, as far as the namespace goes, where he has acknowledged nothing', async () => {
    expect(await open({ acknowledged: true }, undefined)).toEqual({
      starts: [['orders', { last: 50 }]],
      asked: ['ann orders'],
    })
  })
})

describe('an acknowledgement', () => {
  const refusal = (offset: number, acknowledged: boolean, position: Position | undefined): unknown => {
    try {
      return checkAck('orders', offset, acknowledged, position)
    } catch (error) {
      expect(error).toBeInstanceOf(SluiceError)
      expect((error as SluiceError).code).toBe('bad_request')
      return (error as SluiceError).message
    }
  }

  it('may name every message up to the last one', () => {
    for (const offset of [0, 3, 4]) expect(checkAck('orders', offset, true, AT)).toBe(AT)
    expect(refusal(5, true, AT)).toBe('ack: 5 is after the last message, which is 4')
  })

  it('is refused where messages are not acknowledged, and on a channel that is not subscribed to', () => {
    expect(refusal(1, false, AT)).toBe('ack: messages of orders are not acknowledged')
    expect(refusal(1, true, undefined)).toBe('ack: orders is not subscribed to')
  })
})
