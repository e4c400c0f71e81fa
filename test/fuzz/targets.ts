/**
 * The readers of what peers send, each with what it promises of any input: it answers, or it refuses in the one way that
 * its callers expect. Anything else is broken.
 */
import { isIP } from 'node:net'
import { centrifuge } from './centrifuge.ts'
import { centrifugeApi } from './centrifuge-api.ts'
import { hooks } from './hooks.ts'
import { pusher } from './pusher.ts'
import { bytes, cursor, frame, json, mutated, poked, publishBody } from './hostile.ts'
import type { Random } from './random.ts'
import { publishRoute } from '../../src/api/publish.ts'
import { Router, type ApiRequest } from '../../src/api/route.ts'
import { readKeySet } from '../../src/auth/jwks.ts'
import { createTokens } from '../../src/auth/tokens.ts'
import { Tickets } from '../../src/admission/tickets.ts'
import { systemClock } from '../../src/clock.ts'
import { dispatch, type ControlSink } from '../../src/cluster/control.ts'
import type { RequestHead } from '../../src/drivers/uws.ts'
import { ClientAddress } from '../../src/edge/origin.ts'
import { bearer, cookie, listed } from '../../src/dialect/request.ts'
import { resumeOf } from '../../src/edge/request.ts'
import { cursorParameterOf, waitOf } from '../../src/transport/poll-requests.ts'
import { lastEventIdOf } from '../../src/transport/sse-requests.ts'
import { SluiceError } from '../../src/errors.ts'
import { decodeAnnouncement, encodeAnnouncement } from '../../src/presence/announcements.ts'
import { joinBinary } from '../../src/protocol/binary.ts'
import { isChannel } from '../../src/protocol/channel.ts'
import { departureIn, tagOf } from '../../src/protocol/cursor.ts'
import { decodeBinary, decodeText, type DecodedFrame } from '../../src/dialect/sluice-v1/decode.ts'
import { MalformedFrame } from '../../src/dialect/sluice-v1/members.ts'
import { isDeeper } from '../../src/protocol/json.ts'
import type { Payload } from '../../src/protocol/message.ts'
import {
  decodeControl,
  decodeMessage,
  decodeStored,
  encodeControl,
  encodeMessage,
  encodeStored,
} from '../../src/protocol/packet.ts'
import { readTicket, ticketIn } from '../../src/protocol/ticket.ts'
import { NatsIngress, type Requests } from '../../src/publish/nats-ingress.ts'
import { normalPayload } from '../../src/publish/payload.ts'
import type { Publisher, PublishRequest } from '../../src/publish/publisher.ts'

const DEPTH = 64
const USER = 'ann'
const OWNER = tagOf(USER)
const SECRET = 'a-secret-for-tests-of-more-than-32-bytes'

/** A promise that a reader does not keep. */
export class Broken extends Error {}

const ignore = (): void => undefined

type Outcome = 'decoded' | 'refused'

export interface Target {
  readonly name: string
  /** How often it has its turn, beside the others. */
  readonly share: number
  /** Fails where a promise is broken, with whatever it is that came out. */
  run(random: Random): Outcome | Promise<Outcome>
}

function hold(kept: boolean, promise: string): void {
  if (!kept) throw new Broken(promise)
}

type Refusal = abstract new (...args: never[]) => Error

/** `refusals`: the only things that may be thrown. */
function tried(run: () => void, ...refusals: readonly Refusal[]): Outcome {
  try {
    run()
    return 'decoded'
  } catch (error) {
    if (!(error instanceof Error) || !refusals.some((refusal) => error instanceof refusal)) throw error
    hold(error.message.length > 5 && error.message.length < 1000, 'a refusal is a sentence')
    return 'refused'
  }
}

function checkPayload({ data, binary }: Payload): void {
  if (binary) return
  const text = Buffer.from(data).toString()
  JSON.parse(text)
  hold(!/[\r\n]/.test(text), 'a payload is one line')
  hold(!isDeeper(text, DEPTH), 'no payload is deeper than the limit')
}

/** As the publisher takes it, which may refuse it. */
function checkNormal(payload: Payload, parsed: boolean): void {
  checkPayload(normalPayload(payload, { bytesMax: 65_536, jsonDepthMax: DEPTH, parsed }))
}

function checkFrame(decoded: DecodedFrame): void {
  if ('ref' in decoded && decoded.ref !== undefined)
    hold(Number.isSafeInteger(decoded.ref), 'a ref is a count')
  if ('channel' in decoded)
    hold(decoded.channel === '@inbox' || isChannel(decoded.channel), 'a channel is one')
  if (decoded.type === 'publish') checkNormal(decoded.payload, true)
}

const frames: Target[] = [
  {
    name: 'text frames',
    share: 6,
    run: (random) => tried(() => checkFrame(decodeText(frame(random), DEPTH)), MalformedFrame, SluiceError),
  },
  {
    name: 'binary frames',
    share: 3,
    run(random) {
      const packet = Buffer.from(joinBinary(frame(random), bytes(random, 30)))
      return tried(
        () => checkFrame(decodeBinary(random.oneIn(2) ? poked(random, packet) : packet, DEPTH)),
        MalformedFrame,
        SluiceError,
      )
    },
  },
]

const router = new Router(
  ['/v1/publish', '/v1/nodes/{node}/drain', '/v1/channels/{channel}'].map((path) => ({
    method: 'GET' as const,
    path,
    scope: undefined,
    handle: () => ({ status: 200 }),
  })),
)
const tickets = new Tickets(SECRET, 86_400_000, systemClock)
const addresses = new ClientAddress(['10.0.0.0/8', '::1'], true)

const requests: Target[] = [
  {
    name: 'cursors',
    share: 5,
    run: (random) =>
      tried(() => {
        const text = cursor(random, OWNER)
        const ticket = ticketIn(text) ?? readTicket(text.slice(-random.int(40)))
        if (ticket !== undefined) hold(!tickets.spend(ticket), 'a ticket that was made up is worth nothing')
        const departure = departureIn(text)
        if (departure !== undefined) hold(!/[\r\n]/.test(departure.again), 'a cursor is one line')
        for (const { offset } of resumeOf(text, USER)?.byTag.values() ?? [])
          hold(Number.isSafeInteger(offset) && offset >= 0, 'a position is a count')
      }, SluiceError),
  },
  {
    name: 'requests',
    share: 3,
    run: (random) =>
      tried(() => {
        const path = mutated(random, random.pick(['/v1/nodes/%41/drain', '/v1/channels/a%3Ab', '/v1/sse']))
        const head = {
          method: random.pick(['GET', 'HEAD', 'POST', 'x']),
          path,
          query: mutated(random, 'channels=a,b&wait=3&cursor=1~a&token=t'),
          headers: {
            authorization: mutated(random, 'Bearer a.b.c'),
            cookie: mutated(random, 'a=b; sluice_token=t'),
            'x-forwarded-for': mutated(random, '1.2.3.4:5, [::1]:80, 10.0.0.2'),
            ...(random.oneIn(2) ? {} : { 'last-event-id': cursor(random, OWNER) }),
          },
          fault: undefined,
          remoteAddress: random.pick(['10.0.0.1', '::1', '1.2.3.4']),
          proxiedAddress: random.pick(['', '10.0.0.3', '2001:db8::1']),
        } satisfies RequestHead
        hold(isIP(addresses.of(head)) !== 0, 'an address is one')
        bearer(head)
        cookie(head, 'sluice_token')
        listed(mutated(random, 'sluice.v1, other'))
        resumeOf(lastEventIdOf(head), USER)
        resumeOf(cursorParameterOf(head), USER)
        waitOf(new URLSearchParams(head.query).get('wait'))
        router.match(head.method, path)
      }, SluiceError),
  },
]

const publisher = {
  async publish({ payload, parsed, target }: PublishRequest): Promise<object> {
    const where: unknown = 'channel' in target ? target.channel : target.user
    hold(typeof where === 'string', 'a target is a text')
    checkNormal(payload, parsed === true)
    return Promise.resolve({})
  },
} as unknown as Publisher
const route = publishRoute(publisher, 1000)

/** A door that answers through a promise: what it throws may be one refusal. */
async function settled(answer: Promise<unknown>, refusal: Refusal): Promise<Outcome> {
  try {
    await answer
    return 'decoded'
  } catch (error) {
    if (!(error instanceof refusal)) throw error
    return 'refused'
  }
}

let take: (
  subject: string,
  data: Buffer,
  reply: string,
  headers: Readonly<Record<string, string>> | undefined,
) => void
let replied: (text: string) => void = () => undefined
const natsRequests = {
  subscribe(_subject: string, _options: object, handle: typeof take) {
    take = handle
    return { drain: () => Promise.resolve() }
  },
  publish(_subject: string, answer: Uint8Array) {
    replied(Buffer.from(answer).toString())
    return true
  },
  request: () => Promise.resolve({ data: answerOfBackend }),
} as Requests
let answerOfBackend: Uint8Array = Buffer.alloc(0)
const faults: unknown[] = []
const doors = new NatsIngress(
  { prefix: 'sluice', forwardTimeoutMs: 1000, jsonDepthMax: DEPTH, payloadBytesMax: () => 65_536 },
  {
    requests: natsRequests,
    tracing: undefined,
    stand: () => Promise.resolve({}),
    publish: (request) => publisher.publish(request),
    failed: (_what, error) => faults.push(error),
    refused: ignore,
  },
)
doors.open()
const tokens = createTokens(
  { jwtSecret: SECRET, clockToleranceMs: 0, jsonDepthMax: DEPTH },
  { clock: systemClock, events: { keySetFetched: () => undefined, keySetFailed: () => undefined } },
)

const backends: Target[] = [
  {
    name: 'publish bodies',
    share: 3,
    run(random) {
      const text = publishBody(random)
      const request = {
        text,
        jsonDepthMax: DEPTH,
        caller: { checkChannel: ignore },
      }
      // It answers, or fails, in the call where nothing has to be waited for.
      const answer = Promise.resolve(request as unknown as ApiRequest).then((asked) => route.handle(asked))
      return settled(answer, SluiceError)
    },
  },
  {
    name: 'publishes over NATS',
    share: 2,
    async run(random) {
      const answer = new Promise<string>((resolve) => (replied = resolve))
      const headers = random.oneIn(4) ? { 'Sluice-Encoding': random.pick(['binary', 'x']) } : undefined
      const data = random.oneIn(3) ? bytes(random, 40) : Buffer.from(json(random))
      take(`sluice.publish.${random.pick(['news', '@ann', 'a..b', ''])}`, data, 'reply', headers)
      const result = JSON.parse(await answer) as { error?: unknown }
      if (faults.length > 0) throw faults.pop()
      return result.error === undefined ? 'decoded' : 'refused'
    },
  },
  {
    name: 'answers of backends over NATS',
    share: 1,
    run(random) {
      answerOfBackend = Buffer.from(
        random.oneIn(2)
          ? json(random)
          : mutated(random, '{"epoch":"e","offset":1,"error":{"code":"not_found","message":"m"}}'),
      )
      return settled(
        doors.forward(USER, {
          channel: 'news',
          payload: { data: Buffer.of(), binary: true },
          id: undefined,
          event: undefined,
        }),
        SluiceError,
      )
    },
  },
  {
    name: 'tokens',
    share: 1,
    run(random) {
      const part = (text: string): string =>
        Buffer.from(random.oneIn(3) ? json(random) : mutated(random, text)).toString('base64url')
      const token = `${part('{"alg":"HS256"}')}.${part('{"sub":"ann","sluice":{"subscribe":["*"]}}')}.${part('x')}`
      return settled(tokens.verify(random.oneIn(4) ? mutated(random, token) : token), SluiceError)
    },
  },
  {
    name: 'key sets',
    share: 1,
    run: (random) =>
      tried(() => {
        const jwk =
          '{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo","kid":"k"}'
        const text = random.oneIn(2) ? json(random) : mutated(random, `{"keys":[${jwk},${json(random)}]}`)
        readKeySet(text, DEPTH)
      }, Error),
  },
]

const sink: ControlSink = {
  disconnect: (user) => hold(typeof user === 'string', 'a user is a text'),
  revoke: (_user, beforeMs) => hold(typeof beforeMs === 'number', 'a moment is a number'),
  stand: (sessions, { channels, on }) => {
    hold(typeof on === 'boolean', 'it is on or off')
    for (const one of [...sessions, ...channels])
      hold(typeof one === 'string', 'sessions and channels are texts')
  },
  order: (sessions, order) => {
    hold(
      sessions.every((one) => typeof one === 'string'),
      'sessions are texts',
    )
    if (order.kind === 'expire')
      hold(order.atMs === undefined || typeof order.atMs === 'number', 'a moment is a number')
    else hold(order.as === undefined || typeof order.as.reason === 'string', 'an end is worded in a text')
  },
  forget: (channel) => hold(typeof channel === 'string', 'a channel is a text'),
  takenOver: ignore,
  givenUp: ignore,
  cameBack: ignore,
  replayed: ignore,
  howAreYou: ignore,
  subscriptionCounts: () => undefined,
  jobChanged: () => undefined,
  signOut: () => undefined,
  occupancyAsk: () => undefined,
  occupancyAnswer: () => undefined,
  iAm: ignore,
  linkAsk: ignore,
  linkAnswer: ignore,
  canary: ignore,
  trace: ({ forMs, eventsMax }) =>
    hold(typeof forMs === 'number' && typeof eventsMax === 'number', 'bounds are numbers'),
  traced: (_id, lines) =>
    hold(
      lines.every((line) => typeof line === 'string'),
      'lines are texts',
    ),
  traceOver: ignore,
}

function message(random: Random): Buffer {
  const data = bytes(random, 60)
  const shared = {
    channel: random.pick(['news', '@ann', '']),
    data,
    binary: random.oneIn(2),
    time: random.int(1e9),
    meta: random.oneIn(2) ? undefined : { event: 'sold', headers: { a: 'b', c: '' }, exclude: '1.2' },
  }
  const id = random.oneIn(2) ? undefined : random.pick(['', 'id', '\ud800', 'é'])
  return random.oneIn(2)
    ? encodeMessage({ kind: 'ephemeral', ...shared, id })
    : encodeMessage({
        kind: 'logged',
        ...shared,
        id,
        epoch: 'e1',
        previous: 1,
        offset: 2 + random.int(9),
        ack: random.oneIn(2),
      })
}

const packets: Target[] = [
  {
    name: 'packets between nodes',
    share: 6,
    run(random) {
      const made = random.oneIn(2)
        ? message(random)
        : encodeStored({
            data: bytes(random, 60),
            binary: random.oneIn(2),
            id: undefined,
            time: random.int(1e9),
          })
      const packet = random.oneIn(8) ? bytes(random, 80) : poked(random, made)
      const decoded = decodeMessage(packet)
      if (decoded?.kind === 'logged') {
        hold(
          Number.isSafeInteger(decoded.offset) && decoded.previous < decoded.offset,
          'a position is behind the one before it',
        )
      }
      const stored = decodeStored(packet)
      for (const { time } of [decoded, stored].filter((one) => one !== undefined))
        hold(Number.isSafeInteger(time) && time >= 0, 'a time is a count')
      return decoded === undefined && stored === undefined ? 'refused' : 'decoded'
    },
  },
  {
    name: 'control between nodes',
    share: 2,
    run(random) {
      const said = random.oneIn(3)
        ? json(random)
        : mutated(
            random,
            random.pick(['{"kind":"revoke","user":"ann","beforeMs":1}', '{"kind":"canary","word":1}']),
          )
      const packet = poked(random, encodeControl('node', Buffer.from(said)))
      const control = decodeControl(packet)
      if (control === undefined) return 'refused'
      return dispatch(control.payload, sink) ? 'decoded' : 'refused'
    },
  },
  {
    name: 'presence between nodes',
    share: 1,
    run(random) {
      const good = encodeAnnouncement({
        kind: 'changes',
        changes: [{ channel: 'a', user: 'ann', version: 1, present: true }],
      })
      const payload = random.oneIn(3) ? Buffer.from(json(random)) : poked(random, Buffer.from(good))
      return decodeAnnouncement(payload) === undefined ? 'refused' : 'decoded'
    },
  },
]

/** Each as often as its share says. */
export const TARGETS: readonly Target[] = [
  ...frames,
  ...centrifuge,
  ...centrifugeApi,
  ...pusher,
  ...hooks,
  ...requests,
  ...backends,
  ...packets,
].flatMap((target) => Array.from({ length: target.share }, () => target))
