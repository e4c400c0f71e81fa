/** What stands beside the payload of a message, as the description of the API has it. */
import { EVENT_BYTES_MAX, HEADERS_BYTES_MAX, HEADERS_MAX } from '../protocol/metadata.ts'

/** In a publish. */
export const BESIDE_PUBLISHED = {
  id: {
    type: 'string',
    minLength: 1,
    maxLength: 128,
    description: 'Repeated within the time of `idempotency`, it is answered and not published again.',
  },
  encoding: { const: 'base64' },
  event: {
    type: 'string',
    minLength: 1,
    maxLength: EVENT_BYTES_MAX,
    description: `What the message is, as clients are shown: at most ${EVENT_BYTES_MAX} bytes in UTF-8.`,
  },
  headers: {
    type: 'object',
    maxProperties: HEADERS_MAX,
    additionalProperties: { type: 'string' },
    description: `Short texts by name, as clients are shown: ${HEADERS_BYTES_MAX} bytes all together.`,
  },
  exclude: {
    type: 'string',
    pattern: '^[A-Za-z0-9_.:-]{1,128}$',
    description: 'The session that does not get it, live or later.',
  },
} as const

/** In a message that was published. */
export const BESIDE_READ = {
  id: { type: 'string' },
  from: { type: 'string', description: 'The user whose client has published it.' },
  event: { type: 'string' },
  headers: { type: 'object', additionalProperties: { type: 'string' } },
} as const

/** Of a channel whose namespace keeps presence. */
export const PRESENCE_READ = {
  presence: {
    type: 'array',
    items: { type: 'string' },
    description: 'Users in the channel, where its namespace keeps presence.',
  },
  presenceData: {
    type: 'object',
    additionalProperties: true,
    description: 'What those of them say of themselves who have entered with data, by user.',
  },
} as const
