/**
 * The description of what operators do with dead letters of webhooks.
 */
import { parametersOf } from './openapi-takes.ts'
import { LETTERS_QUERY } from './webhooks.ts'
import { WEBHOOK_EVENTS } from '../config/webhooks-section.ts'

interface WebhookWords {
  readonly answers: (description: string, schema: object) => object
  readonly refused: Readonly<Record<string, object>>
  readonly user: object
}

interface Described {
  readonly summary: string
  readonly parameters: readonly object[]
  readonly responses: Readonly<Record<string, object>>
}

const LETTER = {
  name: 'letter',
  in: 'path',
  required: true,
  description: 'Its `letter` in the list.',
  schema: { type: 'string' },
} as const

const HAPPENING = {
  type: 'object',
  required: ['id', 'kind', 'atMs'],
  properties: {
    id: { type: 'string' },
    kind: { enum: WEBHOOK_EVENTS },
    atMs: { type: 'integer' },
    channel: { type: 'string' },
    user: { type: 'string' },
  },
} as const

export function webhookPaths({
  answers,
  refused,
  user,
}: WebhookWords): Readonly<Record<string, Readonly<Record<string, Described>>>> {
  const one = {
    '200': answers('It was there, and is not any more.', {
      type: 'object',
      required: ['letter'],
      additionalProperties: false,
      properties: { letter: { type: 'string' } },
    }),
    ...refused,
    '404': answers('There is no such letter (any more).', { $ref: '#/components/schemas/Error' }),
  }
  return {
    '/v1/users/{user}/grants': {
      delete: {
        summary: 'Forget what the backend has granted to a user (`hooks`): it is asked when he comes back',
        parameters: [user],
        responses: {
          '200': answers('It is forgotten.', {
            type: 'object',
            required: ['user'],
            additionalProperties: false,
            properties: { user: { type: 'string' } },
          }),
          ...refused,
        },
      },
    },
    '/v1/webhooks/dead': {
      get: {
        summary: 'What backends were not told, because they refused it for too long; the oldest first',
        parameters: parametersOf(LETTERS_QUERY),
        responses: { '200': answers('How many there are, and the oldest.', listed()), ...refused },
      },
    },
    '/v1/webhooks/dead/{letter}/resend': {
      post: { summary: 'Tell it again, behind all that waits', parameters: [LETTER], responses: one },
    },
    '/v1/webhooks/dead/{letter}': {
      delete: { summary: 'Throw it away', parameters: [LETTER], responses: one },
    },
  }
}

function listed(): object {
  return {
    type: 'object',
    required: ['count', 'letters'],
    additionalProperties: false,
    properties: {
      count: { type: 'integer' },
      letters: {
        type: 'array',
        items: {
          type: 'object',
          required: ['letter', 'target', 'why', 'attempts', 'atMs', 'happening'],
          additionalProperties: false,
          properties: {
            letter: { type: 'string' },
            target: { type: 'string', description: 'Its name in `webhooks.targets`.' },
            why: { type: 'string', description: 'What the backend did at last.' },
            attempts: { type: 'integer' },
            atMs: { type: 'integer', description: 'When it was given up, in milliseconds since 1970.' },
            happening: HAPPENING,
          },
        },
      },
    },
  }
}
