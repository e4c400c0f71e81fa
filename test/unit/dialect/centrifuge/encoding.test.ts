import { describe, expect, it } from 'vitest'
import { DISCONNECT, ERROR, errorOf } from '../../../../src/dialect/centrifuge/codes.ts'
import { DecodeFault } from '../../../../src/dialect/centrifuge/decode-fault.ts'
import { json, protobuf, type Encoding } from '../../../../src/dialect/centrifuge/encoding.ts'
import type { Command, Reply } from '../../../../src/dialect/centrifuge/messages.ts'

const DEPTH = 64

function commands(encoding: Encoding, frame: string | Uint8Array): Command[] {
  return [...encoding.commands(Buffer.from(frame), DEPTH)]
}

function requestOf<T>(command: Command | undefined): T {
  return (command as unknown as { request: T }).request
}

/** The fault, and the commands that were read before it. */
function faultOf(encoding: Encoding, frame: string | Uint8Array): { before: Command[]; fault: DecodeFault } {
  const before: Command[] = []
  try {
    for (const command of encoding.commands(Buffer.from(frame), DEPTH)) before.push(command)
  } catch (error) {
    if (error instanceof DecodeFault) return { before, fault: error }
    throw error
  }
  throw new Error('there was no fault')
}

function text(bytes: string | Uint8Array): string {
  return Buffer.from(bytes).toString()
}

function hex(bytes: string | Uint8Array): string {
  return Buffer.from(bytes).toString('hex')
}

/** One varint-delimited message. */
function delimited(...bytes: number[]): Uint8Array {
  return new Uint8Array([bytes.length, ...bytes])
}

const PUBLICATION = {
  data: Buffer.from('{"n":12345678901234567890}'),
  offset: 7,
  time: 1_795_411_104_743,
  info: { user: 'alice' },
  tags: new Map([['kind', 'a']]),
}

describe('commands in JSON', () => {
  it('come several in a frame, one a line, in order', () => {
    const frame =
      '{"id":1,"connect":{"token":"t","name":"js"}}\n\n{"id":2,"subscribe":{"channel":"news"}}\n{}'
    expect(commands(json, frame)).toEqual([
      { method: 'connect', id: 1, request: { token: 't', name: 'js' } },
      { method: 'subscribe', id: 2, request: { channel: 'news' } },
      { method: 'pong' },
    ])
  })

  it('bring a payload as it stands in the text, with numbers that JavaScript cannot hold', () => {
    const [command] = commands(
      json,
      '{"id":3,"publish":{"channel":"c", "data" : {"n": 12345678901234567890}}}',
    )
    expect(command).toMatchObject({ method: 'publish', id: 3 })
    const { data } = requestOf<{ data: Uint8Array }>(command)
    expect(text(data)).toBe('{"n": 12345678901234567890}')
  })

  it('take null for nothing, and leave out what they do not know', () => {
    const frame = '{"id":3,"future":{"x":1},"publish":{"channel":null,"data":null,"later":[1]}}'
    expect(commands(json, frame)).toEqual([{ method: 'publish', id: 3, request: {} }])
  })

  it('of a method that nobody knows keep their id, so that they can be answered', () => {
    expect(commands(json, '{"id":9,"dance":{}}')).toEqual([{ method: 'unknown', id: 9 }])
  })

  it('name where the subscriptions of the server were', () => {
    const frame = '{"id":1,"connect":{"subs":{"__proto__":{"recover":true,"offset":5,"epoch":"e"}}}}'
    const [command] = commands(json, frame)
    const { subs } = requestOf<{ subs: Map<string, unknown> }>(command)
    expect([...subs]).toEqual([['__proto__', { recover: true, offset: 5, epoch: 'e' }]])
  })

  it.each([
    ['nothing', '', /empty/],
    ['empty lines only', '\n \n', /empty/],
    ['no JSON', 'hello', /is not JSON/],
    ['a list', '[]', /JSON object/],
    ['a number as the channel', '{"id":1,"subscribe":{"channel":5}}', /channel must be a string/],
    ['an offset beyond 2^53', '{"id":1,"subscribe":{"offset":9007199254740993}}', /offset must be/],
    ['no id', '{"subscribe":{"channel":"a"}}', /no id/],
    ['two methods', '{"id":1,"publish":{},"history":{}}', /publish and history/],
    ['bytes that are no UTF-8', new Uint8Array([0x7b, 0xff, 0x7d]), /UTF-8/],
  ])('refuse a frame of %s, and the connection with it', (_, frame, message) => {
    const { fault } = faultOf(json, frame)
    expect(fault.message).toMatch(message)
    expect(fault.id).toBeUndefined()
  })

  it('refuse a payload that is nested too deep by its id, since nothing else is wrong with it', () => {
    const deep = `${'['.repeat(DEPTH + 1)}${']'.repeat(DEPTH + 1)}`
    const good = `${'['.repeat(DEPTH)}${']'.repeat(DEPTH)}`
    const { before, fault } = faultOf(
      json,
      `{"id":1,"publish":{"channel":"a","data":${good}}}\n{"id":2,"publish":{"data":${deep}}}`,
    )
    expect(before).toHaveLength(1)
    expect(fault.id).toBe(2)
  })
})

describe('commands in Protobuf', () => {
  it('come several in a frame, each behind its length', () => {
    // id 1, connect { token "t" }; a pong; id 2, history { channel "c", limit -1 }
    const frame = Buffer.concat([
      delimited(0x08, 1, 0x22, 3, 0x0a, 1, 0x74),
      delimited(),
      delimited(0x08, 2, 0x52, 14, 0x0a, 1, 0x63, 0x38, ...Array.from({ length: 9 }, () => 0xff), 1),
    ])
    expect(commands(protobuf, frame)).toEqual([
      { method: 'connect', id: 1, request: { token: 't' } },
      { method: 'pong' },
      { method: 'history', id: 2, request: { channel: 'c', limit: -1 } },
    ])
  })

  it('skip fields that nobody knows, of every wire type', () => {
    // 200: varint; 201: 8 bytes; 202: a length; 203: 4 bytes
    const unknown = [
      0xc0, 12, 0x96, 1, 0xc9, 12, 1, 2, 3, 4, 5, 6, 7, 8, 0xd2, 12, 2, 9, 9, 0xdd, 12, 1, 2, 3, 4,
    ]
    expect(commands(protobuf, delimited(...unknown, 0x08, 4, 0x32, 0))).toEqual([
      { method: 'unsubscribe', id: 4, request: {} },
    ])
  })

  it('read a map, and the last of two equal keys', () => {
    const entry = (value: number): number[] => [0x1a, 7, 0x0a, 1, 0x63, 0x12, 2, 0x38, value]
    const connect = [...entry(5), ...entry(6)]
    const [command] = commands(protobuf, delimited(0x08, 1, 0x22, connect.length, ...connect))
    const { subs } = requestOf<{ subs: Map<string, unknown> }>(command)
    expect([...subs]).toEqual([['c', { offset: 6 }]])
  })

  it.each([
    ['nothing', [], /empty/],
    ['a length without its bytes', [5, 0x08], /a length of 5 is more than the 1 bytes/],
    ['a length of 4 GB', [0xff, 0xff, 0xff, 0xff, 0x0f, 1], /a length of 4294967295/],
    ['a length of 2^63', [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01], /a length of/],
    ['a number that ends too early', [2, 0x08, 0x80], /end within a number/],
    ['a number of 11 bytes', [...Array.from({ length: 10 }, () => 0x80), 1], /longer than 10/],
    ['a group', [1, 0x23], /wire type 3/],
    ['a token that is a number', [4, 0x22, 2, 0x08, 1], /token has wire type 0/],
    ['a channel that is no UTF-8', [5, 0x2a, 3, 0x0a, 1, 0xff], /channel is not UTF-8/],
    ['a field 0', [2, 0x00, 1], /number 0/],
    [
      'an offset of 2^53',
      [13, 0x08, 1, 0x2a, 9, 0x38, 128, 128, 128, 128, 128, 128, 128, 16],
      /beyond 2\^53/,
    ],
    ['an inner length that leads out of its message', [4, 0x22, 2, 0x0a, 9], /a length of 9/],
  ])('refuse a frame of %s', (_, bytes, message) => {
    expect(faultOf(protobuf, new Uint8Array(bytes)).fault.message).toMatch(message)
  })
})

describe('replies', () => {
  const replies: readonly (readonly [name: string, reply: Reply, json: string, protobuf: string])[] = [
    ['an empty result', { id: 2, publish: {} }, '{"id":2,"publish":{}}', '0408024200'],
    [
      'an error',
      { id: 3, error: ERROR.tooManyRequests },
      '{"id":3,"error":{"code":111,"message":"too many requests","temporary":true}}',
      '1b08031217086f1211746f6f206d616e792072657175657374731801',
    ],
    [
      'a subscription that goes on',
      {
        id: 4,
        subscribe: { recoverable: true, recovered: true, was_recovering: true, epoch: 'e', offset: 300 },
      },
      '{"id":4,"subscribe":{"recoverable":true,"epoch":"e","recovered":true,"offset":300,"was_recovering":true}}',
      '100804320c1801320165400148ac026001',
    ],
    [
      'a channel that nobody is in',
      { id: 5, presence: { presence: new Map() } },
      '{"id":5,"presence":{"presence":{}}}',
      '0408054a00',
    ],
    [
      'a push that ends a subscription',
      { push: { channel: 'c', unsubscribe: { code: 2500, reason: 'x' } } },
      '{"push":{"channel":"c","unsubscribe":{"code":2500,"reason":"x"}}}',
      '0d220b1201633a0610c4131a0178',
    ],
  ]

  it.each(replies)('%s', (_, reply, asJson, asProtobuf) => {
    expect(text(json.reply(reply))).toBe(asJson)
    expect(hex(protobuf.reply(reply))).toBe(asProtobuf)
  })

  it('stand in one frame together', () => {
    const two: Reply[] = [
      { id: 1, publish: {} },
      { id: 2, rpc: { data: Buffer.from('"é"') } },
    ]
    const joined = json.join(two.map((reply) => json.reply(reply)))
    expect(text(joined)).toBe('{"id":1,"publish":{}}\n{"id":2,"rpc":{"data":"é"}}')
    const binary = protobuf.join(two.map((reply) => protobuf.reply(reply)))
    expect(hex(binary)).toBe('04080142000a08026a060a0422c3a922')
  })

  it('a ping is the reply with nothing in it', () => {
    expect(text(json.ping)).toBe(text(json.reply({})))
    expect(hex(protobuf.ping)).toBe(hex(protobuf.reply({})))
  })
})

describe('a message of a channel', () => {
  it('keeps its payload byte by byte, and stands in a result as it does in its frame', () => {
    const { frame, written } = json.publish('news', PUBLICATION)
    expect(text(frame)).toBe(
      '{"push":{"channel":"news","pub":{"data":{"n":12345678901234567890},"info":{"user":"alice"},"offset":7,' +
        '"tags":{"kind":"a"},"time":1795411104743}}}',
    )
    const history = json.reply({
      id: 1,
      history: { publications: [written, written], epoch: 'e', offset: 7 },
    })
    expect(text(history)).toBe(
      `{"id":1,"history":{"publications":[${text(written)},${text(written)}],"epoch":"e","offset":7}}`,
    )
  })

  it('is the same push in Protobuf', () => {
    const { frame, written } = protobuf.publish('c', { data: Buffer.from('1'), offset: 7 })
    expect(hex(written)).toBe('2201313007')
    expect(hex(frame)).toBe('0c220a12016322052201313007')
    const history = protobuf.reply({ id: 1, history: { publications: [written], offset: 7 } })
    expect(hex(history)).toBe('0d08015a090a0522013130071807')
  })

  it('with line breaks between its tokens stays one line of JSON', () => {
    const { frame } = json.publish('c', { data: Buffer.from('{\r\n"a":"b\\n"\n}') })
    expect(text(frame)).toBe('{"push":{"channel":"c","pub":{"data":{  "a":"b\\n" }}}}')
  })

  it('of a megabyte is held in as much memory, and no more', () => {
    for (const size of [10, 100, 5000, 1_000_000]) {
      const { frame } = protobuf.publish('c', {
        data: Buffer.alloc(size, 0x31),
        tags: new Map([['k', 'v'.repeat(300)]]),
      })
      if (size > 4096) expect(frame.buffer.byteLength).toBeLessThan(size + 1024)
    }
  })
})

it('tells the errors of the gateway by the numbers of Centrifuge, with the sentence', () => {
  expect(errorOf('unavailable', 'the log cannot be reached')).toEqual({
    code: 100,
    message: 'the log cannot be reached',
    temporary: true,
  })
  expect(errorOf('forbidden', 'no')).toEqual({ code: 103, message: 'no' })
})

it('closes in words that fit into a close frame', () => {
  for (const { reason } of Object.values(DISCONNECT))
    expect(Buffer.byteLength(reason)).toBeLessThanOrEqual(123)
})
