/**
 * What clients of Centrifuge send, whatever it is: each frame ends in answers, or in the end of the connection, and nothing is thrown.
 */
import { bytes, json as someJson, mutated, poked } from './hostile.ts'
import type { Random } from './random.ts'
import { Broken, type Target } from './targets.ts'
import { Conversation } from '../../src/dialect/centrifuge/conversation.ts'
import { emulationRequests } from '../../src/dialect/centrifuge/emulation.ts'
import { uniJson } from '../../src/dialect/centrifuge/uni.ts'
import { cursorAt } from '../../src/dialect/durable-streams/cursor.ts'
import { offsetText, readFromIn } from '../../src/dialect/durable-streams/offset.ts'
import type { RequestHead } from '../../src/drivers/uws.ts'
import { json, protobuf, type Encoding } from '../../src/dialect/centrifuge/encoding.ts'
import { COMMAND, type Field, type Shape } from '../../src/dialect/centrifuge/fields.ts'
import { JsonPieces } from '../../src/dialect/centrifuge/json.ts'
import { Writer } from '../../src/dialect/centrifuge/protobuf.ts'
import type { Verbs } from '../../src/dialect/centrifuge/verbs.ts'
import { asSluiceError } from '../../src/errors.ts'
import { isChannel } from '../../src/protocol/channel.ts'
import { isDeeper } from '../../src/protocol/json.ts'

const DEPTH = 64
const START = { position: { epoch: 'e', offset: 1 }, recovered: false }
const BRINGING = emulationRequests(DEPTH)

const GUEST = { user: 'ann', client: 'c', refreshInMs: undefined, named: undefined }

const METHODS = COMMAND.fields.map(({ name }) => name).filter((name) => name !== 'id')
const CHANNELS = ['news', '#ann', '#bob', 'a b', '', 'dialog#1,2', '..', '@x', 'x'.repeat(300), '=2C']

function check(kept: boolean, promise: string): void {
  if (!kept) throw new Broken(promise)
}

function checkChannel(channel: string): void {
  check(channel.startsWith('@') || isChannel(channel), 'a channel is one')
}

/** Does all that is asked, and looks at what is asked. */
const VERBS: Verbs = {
  connect: async (_token, places, told) =>
    told(GUEST, new Map([...places.keys()].map((channel) => [channel, { ...START, error: undefined }]))),
  async subscribe(channel, _from, told) {
    checkChannel(channel)
    told(START, () => [])
  },
  async grant(channel) {
    checkChannel(channel)
    return {}
  },
  unsubscribe: async (channel) => checkChannel(channel),
  async publish(channel, { data, binary }) {
    checkChannel(channel)
    if (binary) return
    const text = Buffer.from(data).toString()
    JSON.parse(text)
    check(!isDeeper(text, DEPTH), 'no payload is deeper than the limit')
  },
  async call(channel, payload) {
    await VERBS.publish(channel, payload)
    return payload.binary ? undefined : payload.data
  },
  async history(channel) {
    checkChannel(channel)
    return { messages: [], head: START.position }
  },
  async head(channel) {
    checkChannel(channel)
    return START.position
  },
  members: async (channel) => new Map([[channel, undefined]]),
  renew: async () => GUEST,
  handled: () => undefined,
}

function commandText(random: Random): string {
  const channel = random.oneIn(5) ? someJson(random) : JSON.stringify(random.pick(CHANNELS))
  const fields = [
    `"channel":${channel}`,
    ...(random.oneIn(2) ? [`"data":${someJson(random)}`] : []),
    ...(random.oneIn(3) ? [`"recover":true,"offset":${random.int(9)},"epoch":"e"`] : []),
    ...(random.oneIn(9) ? [`"since":${someJson(random)},"limit":${random.int(9) - 2}`] : []),
  ]
  const whole = `{"id":${random.int(4)},"${random.pick(METHODS)}":{${fields.join(',')}}}`
  return random.oneIn(4) ? mutated(random, whole) : whole
}

function commandBytes(random: Random): Buffer {
  const request = {
    channel: random.pick(CHANNELS),
    data: bytes(random, 30),
    offset: random.int(9),
    limit: random.int(9) - 2,
  }
  const writer = new Writer()
  writer.message(COMMAND, { id: random.int(4), [random.pick(METHODS)]: request })
  writer.delimit(0)
  return random.oneIn(2) ? poked(random, writer.finish()) : writer.finish()
}

/** With fields that the table has, as deep as it goes, so that what is wrong with one is met behind all that is around it. */
function wholeCommand(random: Random, data: () => Uint8Array): object {
  const method = random.pick(METHODS)
  const { type } = COMMAND.byName.get(method) as Field
  return { id: 1 + random.int(4), [method]: wholeMessage(random, type as Shape, data) }
}

function wholeMessage(random: Random, { fields }: Shape, data: () => Uint8Array): object {
  const some = fields.filter(() => !random.oneIn(3))
  return Object.fromEntries(some.map((field) => [field.name, wholeField(random, field, data)]))
}

function wholeField(random: Random, { type, many }: Field, data: () => Uint8Array): unknown {
  const one = (): unknown => {
    if (typeof type === 'object') return wholeMessage(random, type, data)
    if (type === 'bytes') return data()
    if (type === 'bool') return random.oneIn(2)
    return type === 'string' ? random.pick(CHANNELS) : random.int(1e6)
  }
  if (many !== 'map') return one()
  return new Map(Array.from({ length: random.int(4) }, () => [random.pick(CHANNELS), one()]))
}

function wholeText(random: Random): string {
  const pieces = new JsonPieces()
  pieces.message(
    COMMAND,
    wholeCommand(random, () => Buffer.from(someJson(random))),
  )
  const text = pieces.finish().toString()
  return random.oneIn(2) ? mutated(random, text) : text
}

function wholeBytes(random: Random): Buffer {
  const writer = new Writer()
  writer.message(
    COMMAND,
    wholeCommand(random, () => bytes(random, 30)),
  )
  writer.delimit(0)
  const written = writer.finish()
  // What the table writes it reads, each field of it.
  const [read] = protobuf.commands(written, DEPTH)
  check(read !== undefined && read.method !== 'unknown', 'a command that is whole is read')
  return random.oneIn(2) ? poked(random, written) : written
}

async function speak(
  random: Random,
  encoding: Encoding,
  connect: Uint8Array,
  frame: Uint8Array,
): Promise<'decoded' | 'refused'> {
  let refused = false
  let fault: unknown
  const line = {
    send: (reply: string | Uint8Array) => void (refused ||= Buffer.from(reply).includes('error')),
    end: () => void (refused = true),
    another: () => true,
    refusal: (thrown: unknown) => {
      const error = asSluiceError(thrown)
      if (error.code === 'internal') fault = thrown
      return error
    },
    failed: (_what: string, error: unknown) => void (fault = error),
  }
  const options = {
    jsonDepthMax: DEPTH,
    knows: () => true,
    pingSeconds: 25,
    version: '1',
    frameBytesMax: 1000,
  }
  const conversation = new Conversation(encoding, VERBS, line, options)
  if (!random.oneIn(9)) conversation.received(connect)
  conversation.received(frame)
  for (let turn = 0; turn < 12; turn++) await Promise.resolve()
  if (fault !== undefined) throw fault
  return refused ? 'refused' : 'decoded'
}

export const centrifuge: Target[] = [
  {
    name: 'frames of Centrifuge in JSON',
    share: 2,
    run(random) {
      const frame = Array.from({ length: 1 + random.int(3) }, () =>
        random.oneIn(2) ? wholeText(random) : commandText(random),
      ).join('\n')
      const bytesOfFrame = random.oneIn(9) ? bytes(random, 60) : Buffer.from(frame)
      return speak(random, json, Buffer.from('{"id":1,"connect":{}}'), bytesOfFrame)
    },
  },
  {
    name: 'frames of Centrifuge in Protobuf',
    share: 2,
    run(random) {
      const frame = random.oneIn(9)
        ? bytes(random, 60)
        : Buffer.concat(
            Array.from({ length: 1 + random.int(3) }, () =>
              random.oneIn(2) ? wholeBytes(random) : commandBytes(random),
            ),
          )
      return speak(random, protobuf, new Uint8Array([4, 0x08, 1, 0x22, 0]), frame)
    },
  },
  {
    name: 'first words of clients of Centrifuge that only listen',
    share: 1,
    run(random) {
      const first = `{"token":${someJson(random)},"subs":{${JSON.stringify(random.pick(CHANNELS))}:${someJson(random)}}}`
      const text = random.oneIn(3) ? mutated(random, first) : first
      return speak(
        random,
        uniJson,
        Buffer.from('{}'),
        random.oneIn(9) ? bytes(random, 60) : Buffer.from(text),
      )
    },
  },
  {
    name: 'requests that bring commands of clients of Centrifuge',
    share: 1,
    run(random) {
      const text = `{"session":${someJson(random)},"node":"n","data":${someJson(random)}}`
      const body = random.oneIn(3)
        ? bytes(random, 60)
        : Buffer.from(random.oneIn(3) ? mutated(random, text) : text)
      const headers = random.oneIn(2) ? {} : { 'content-type': 'application/octet-stream' }
      try {
        const { credential, lines } = BRINGING.read({ headers } as unknown as RequestHead, body)
        check(typeof credential === 'string' && typeof lines === 'string', 'what is brought is text')
        return 'decoded'
      } catch (error) {
        if (asSluiceError(error).code !== 'bad_request') throw error
        return 'refused'
      }
    },
  },
  {
    name: 'offsets and cursors of Durable Streams',
    share: 1,
    run(random) {
      const position = { epoch: random.pick(['e', 'epoch1']), offset: random.int(1000) }
      const good = offsetText(position)
      const text = random.oneIn(3) ? good : mutated(random, good)
      const from = readFromIn(text)
      if (text === good) check(JSON.stringify(from) === JSON.stringify(position), 'an offset comes back')
      if (typeof from === 'object') check(readFromIn(offsetText(from)) !== undefined, 'what is read is one')
      const given = random.oneIn(2) ? text : String(random.int(1e9))
      check(/^-?\d+$/.test(cursorAt(0, given)), 'a cursor is a number')
      return from === undefined ? 'refused' : 'decoded'
    },
  },
]
