import { describe, expect, it } from 'vitest'
import type { Happening, HistoryEvent } from '../history.ts'
import { check } from './check.ts'

const FATAL = 'the-log-ends'

function rulesBroken(...happenings: readonly Happening[]): string[] {
  const events = [...happenings, { kind: 'end' } as const].map((happening, index): HistoryEvent => ({
    at: index,
    ...happening,
  }))
  const broken = check(events, { endsDurableLogs: (fault) => fault === FATAL })
  // A hole is found by its number and by what is missing.
  return [...new Set(broken.map(({ rule }) => rule))]
}

const fault: Happening = { kind: 'fault', round: 0, name: 'a-cut', on: true }

function client(name = 'ann1', user = 'ann', channel = 'room:1'): Happening[] {
  return [
    { kind: 'client', client: name, user, transport: 'sdk', channels: [channel] },
    { kind: 'start', client: name, channel, epoch: 'e', offset: 0 },
  ]
}

function sent(message: number, channel = 'room:1'): Happening {
  return { kind: 'sent', message, channel, door: 'http' }
}

function confirmed(message: number, offset: number, epoch = 'e', channel = 'room:1'): Happening {
  const door = 'http'
  return { kind: 'confirmed', message, channel, door, epoch, offset, duplicate: false, degraded: false }
}

function published(message: number, offset = message, epoch = 'e', channel = 'room:1'): Happening[] {
  return [sent(message, channel), confirmed(message, offset, epoch, channel)]
}

function shown(
  message: number,
  offset = message,
  more: Partial<Happening & { kind: 'shown' }> = {},
): Happening {
  return { kind: 'shown', client: 'ann1', channel: 'room:1', offset, message, to: 'room:1', ...more }
}

function reset(epoch: string, offset: number, channel = 'room:1'): Happening {
  return { kind: 'reset', client: 'ann1', channel, epoch, offset, reason: 'epoch' }
}

function log(
  offset: number,
  entries: readonly (readonly [number, number])[],
  node = 'g1',
  epoch = 'e',
): Happening {
  return { kind: 'log', node, channel: 'room:1', epoch, offset, entries }
}

describe('a history in which nothing is wrong', () => {
  it('breaks no rule', () => {
    expect(
      rulesBroken(
        ...client(),
        ...published(1),
        shown(1),
        sent(2),
        // Shown before its publisher was answered, which is nothing unusual.
        shown(2),
        confirmed(2, 2),
        log(2, [
          [1, 1],
          [2, 2],
        ]),
        { kind: 'session', client: 'twin0', connections: 1 },
        { kind: 'present', client: 'ann1', channel: 'hall:0', users: ['ann'], expected: ['ann'] },
      ),
    ).toEqual([])
  })

  it('may have holes in front of a reset, and messages that nobody confirmed', () => {
    const lostAndCovered = [...published(2), reset('e', 2)]
    const another = [...published(3), shown(3), sent(4)]
    expect(rulesBroken(...client(), ...published(1), shown(1), fault, ...lostAndCovered, ...another)).toEqual(
      [],
    )
  })

  it('may show a message again that was published again in another epoch', () => {
    const again = [reset('f', 0), confirmed(1, 1, 'f'), shown(1, 1)]
    expect(rulesBroken(...client(), ...published(1), shown(1), fault, ...again)).toEqual([])
  })

  it('may leave out what came before a client was there', () => {
    const late: Happening = { kind: 'start', client: 'ann1', channel: 'room:1', epoch: 'e', offset: 1 }
    const known = client()[0] as Happening
    expect(rulesBroken(...published(1), known, late, ...published(2), shown(2))).toEqual([])
  })
})

describe('a planted fault is found', () => {
  it('lost: the last message of a channel never comes', () => {
    expect(rulesBroken(...client(), ...published(1), shown(1), ...published(2))).toEqual(['lost'])
  })

  it('hole: a message is left out, and later ones come, whether or not a reset follows', () => {
    const history = [...client(), ...published(1), ...published(2), fault, shown(2)]
    expect(rulesBroken(...history)).toEqual(['hole'])
    expect(rulesBroken(...history, reset('e', 2))).toEqual(['hole'])
  })

  it('hole: a number is left out, though nobody has confirmed what was there', () => {
    expect(rulesBroken(...client(), ...published(2), shown(2))).toEqual(['hole'])
    const kept = client('ann1', 'ann', 'kept:1')
    const of = { channel: 'kept:1', to: 'kept:1' }
    // The numbers of a durable channel have gaps.
    expect(rulesBroken(...kept, ...published(2, 2, 'e', 'kept:1'), shown(2, 2, of))).toEqual([])
  })

  it('lost: a reset of the same log covers what lies before it only', () => {
    expect(rulesBroken(...client(), fault, ...published(1), ...published(2), reset('e', 1))).toEqual(['lost'])
  })

  it('lost: a reset that came before the publish covers nothing', () => {
    expect(rulesBroken(...client(), fault, reset('f', 0), ...published(1, 1, 'e'))).toEqual(['lost'])
  })

  it('lost: a reset to another log covers nothing that the client waits for again afterwards', () => {
    const history = [...client(), fault, sent(1), reset('f', 0), reset('e2', 0), confirmed(1, 1, 'e2')]
    expect(rulesBroken(...history)).toEqual(['lost'])
  })

  it('lost: a message that only a log proves', () => {
    expect(rulesBroken(...client(), sent(1), log(1, [[1, 1]]))).toEqual(['lost'])
  })

  it('twice: a message comes again', () => {
    expect(rulesBroken(...client(), ...published(1), shown(1), shown(1))).toEqual(['out of order', 'twice'])
  })

  it('twice: a message comes again behind a reset of the same log', () => {
    const broken = rulesBroken(...client(), ...published(1), shown(1), fault, reset('e', 1), shown(1, 2))
    expect(broken).toContain('twice')
  })

  it('out of order: two messages are swapped', () => {
    const broken = rulesBroken(...client(), ...published(1), ...published(2), shown(2), shown(1))
    expect(broken).toContain('out of order')
  })

  it('elsewhere: a message is shown at a place where the log has it not', () => {
    expect(rulesBroken(...client(), ...published(2, 2), shown(2, 1))).toEqual(['elsewhere'])
  })

  it('epoch without a reset: messages of another log follow as if nothing had happened', () => {
    const broken = rulesBroken(...client(), ...published(1, 1, 'f'), shown(1, 1, { epoch: 'f' }))
    expect(broken).toContain('epoch without a reset')
  })

  it('wrong user: somebody gets what comes to the inbox of another', () => {
    const of = { channel: '@bob', to: '@bob' }
    const start: Happening = { kind: 'start', client: 'ann1', channel: '@bob', epoch: 'e', offset: 0 }
    const broken = rulesBroken(...client(), start, ...published(1, 1, 'e', '@bob'), shown(1, 1, of))
    expect(broken).toEqual(['wrong user'])
  })

  it('wrong channel: a message comes under the name of another channel', () => {
    const broken = rulesBroken(...client(), ...published(1, 1, 'e', 'room:2'), shown(1, 1, { to: 'room:2' }))
    expect(broken).toEqual(['wrong channel'])
  })

  it('never subscribed: a client never gets a place', () => {
    expect(rulesBroken(client()[0] as Happening)).toEqual(['never subscribed'])
  })

  it('nonsense: something comes before the client is subscribed, or was never published', () => {
    expect(rulesBroken(client()[0] as Happening, ...published(1), shown(1))).toContain('nonsense')
    expect(rulesBroken(confirmed(1, 1))).toEqual(['nonsense'])
  })

  it('stored twice: a repeated publish gets another place', () => {
    const broken = rulesBroken(...client(), ...published(1), shown(1), confirmed(1, 2))
    expect(broken).toContain('stored twice')
  })

  it('one place for two: nodes, or replicas, do not have the same log', () => {
    const two = [sent(1), sent(2), log(1, [[1, 1]]), log(1, [[1, 2]], 'g2')]
    expect(rulesBroken(...two)).toContain('one place for two')
  })

  it('missing in the log: what was confirmed is not there', () => {
    const history = [
      ...client(),
      ...published(1),
      ...published(2),
      ...published(3),
      shown(1),
      shown(2),
      shown(3),
    ]
    const broken = rulesBroken(
      ...history,
      log(3, [
        [1, 1],
        [3, 3],
      ]),
    )
    expect(broken).toEqual(['missing in the log'])
  })

  it('left behind: the log has begun again, and a client was never told', () => {
    const broken = rulesBroken(...client(), ...published(1, 1, 'f'), shown(1), log(1, [[1, 1]], 'g1', 'f'))
    expect(broken).toEqual(['left behind'])
  })

  it('reset without a fault: nothing has happened', () => {
    expect(rulesBroken(...client(), reset('e', 0))).toEqual(['reset without a fault'])
  })

  it('reset of a durable channel: unless a fault has ended its log', () => {
    const kept = [...client('ann1', 'ann', 'kept:1'), fault, reset('e', 0, 'kept:1')]
    expect(rulesBroken(...kept)).toEqual(['reset of a durable channel'])
    expect(rulesBroken({ kind: 'fault', round: 0, name: FATAL, on: true }, ...kept)).toEqual([])
  })

  it('presence: somebody is missing, or should not be there', () => {
    const about = (users: string[]): Happening => {
      return { kind: 'present', client: 'ann1', channel: 'hall:0', users, expected: ['ann', 'bob'] }
    }
    expect(rulesBroken(about(['ann']))).toEqual(['presence'])
    expect(rulesBroken(about(['ann', 'bob', 'eve']))).toEqual(['presence'])
  })

  it('shared session: two connections have one session', () => {
    expect(rulesBroken({ kind: 'session', client: 'twin0', connections: 2 })).toEqual(['shared session'])
  })

  it('false end: a client was told that something is over', () => {
    expect(rulesBroken({ kind: 'final', client: 'ann1', what: 'not_found' })).toEqual(['false end'])
  })

  it('a gateway ended: nobody has ended it', () => {
    expect(rulesBroken({ kind: 'ended', host: 'g1', how: 'SIGSEGV' })).toEqual(['a gateway ended'])
  })

  it('nonsense: the history has no end', () => {
    expect(check([], { endsDurableLogs: () => false }).map(({ rule }) => rule)).toEqual(['nonsense'])
  })
})
