/**
 * Centrifuge over plain requests: what a request says that opens an answer, and one that brings commands later.
 */
import type { Encoding } from './encoding.ts'
import { DecodeFault } from './decode-fault.ts'
import { EMULATION_REQUEST } from './fields.ts'
import { StreamFraming, type StreamStyle } from './framing.ts'
import { Reader } from './protobuf.ts'
import type { CentrifugeHello } from './speaker-ports.ts'
import type { Dialect } from '../dialect.ts'
import type { BringingRequests, Opens, OpeningRequests } from '../emulation.ts'
import type { RequestHead } from '../../drivers/uws.ts'
import { SluiceError } from '../../errors.ts'
import { isObject, JsonFault, parseJson } from '../../protocol/json.ts'

const PROTOBUF_TYPE = 'application/octet-stream'
/** Of an event stream's URL, since a browser's `EventSource` sends nothing else. */
const CONNECT = 'cf_connect'

/** `POST`, whose body is what a socket would bring first; the answer has frames one behind the other. */
export function httpStream(dialect: Dialect, text: Encoding, binary?: Encoding): OpeningRequests {
  const lines = new StreamFraming(text, 'lines')
  const bytes = binary && new StreamFraming(binary, 'protobuf')
  return {
    kind: 'opens',
    dialect,
    methods: ['POST'],
    read(head, body, named) {
      if (binary !== undefined && bytes !== undefined && isProtobuf(head))
        return opens({ encoding: binary, named }, bytes, body)
      return opens({ encoding: text, named }, lines, body)
    },
  }
}

/** `GET` with what a socket would bring first in the URL, or `POST`; the answer is an event stream, and always JSON. */
export function eventStream(dialect: Dialect, encoding: Encoding): OpeningRequests {
  const framing = new StreamFraming(encoding, 'events' satisfies StreamStyle)
  return {
    kind: 'opens',
    dialect,
    methods: ['GET', 'POST'],
    read({ method, query }, body, named) {
      if (method === 'POST') return opens({ encoding, named }, framing, body)
      const asked = new URLSearchParams(query).get(CONNECT)
      if (asked === null) throw new SluiceError('bad_request', `${CONNECT} is missing in the query`)
      return opens({ encoding, named }, framing, Buffer.from(asked))
    },
  }
}

/** `{"session","node","data"}`: commands of a client whose answer is open somewhere in the cluster. */
export function emulationRequests(jsonDepthMax: number): BringingRequests {
  return {
    kind: 'brings',
    methods: ['POST'],
    read(head, body) {
      try {
        return isProtobuf(head) ? inProtobuf(body) : inJson(body, jsonDepthMax)
      } catch (error) {
        if (!(error instanceof DecodeFault) && !(error instanceof JsonFault)) throw error
        throw new SluiceError('bad_request', `the body ${error.message}`)
      }
    },
  }
}

function isProtobuf({ headers }: RequestHead): boolean {
  return headers['content-type']?.startsWith(PROTOBUF_TYPE) === true
}

function opens(
  spoken: Pick<CentrifugeHello, 'encoding' | 'named'>,
  framing: StreamFraming,
  body: Buffer,
): Opens {
  const hello = { token: undefined, ticket: undefined, turns: undefined, subprotocol: '', ...spoken }
  const { binary } = spoken.encoding
  return { hello, framing, first: { frame: new Uint8Array(body).buffer, binary } }
}

function inJson(body: Buffer, jsonDepthMax: number): { credential: string; lines: string } {
  const asked = parseJson(body.toString('utf8'), jsonDepthMax, 0)
  const { session, data } = isObject(asked) ? asked : {}
  if (typeof session !== 'string' || typeof data !== 'string')
    throw new SluiceError('bad_request', 'session and data must be texts')
  return { credential: session, lines: data }
}

function inProtobuf(body: Buffer): { credential: string; lines: string } {
  const { session, data } = new Reader(body).message(EMULATION_REQUEST) as {
    readonly session?: string
    readonly data?: Buffer
  }
  return { credential: session ?? '', lines: data?.toString('base64') ?? '' }
}
