/**
 * The description of what backends put users on, and of which channels are occupied.
 */
import { CHANNELS_QUERY } from './channel-list.ts'
import { CHANNEL_FORM } from './openapi-schemas.ts'
import { parametersOf } from './openapi-takes.ts'
import type { SightWords } from './openapi-sight.ts'
import type { Scope } from '../auth/grant.ts'
import { STANDING_MAX } from '../registry/registry.ts'
import { STANDING_SESSION } from '../registry/standing.ts'

interface Words extends Pick<SightWords, 'answers' | 'refused' | 'user'> {
  readonly keyWith: (scope: Scope) => readonly object[]
  readonly maybeLate: object
}

interface Described {
  readonly summary: string
  readonly security?: readonly object[]
  readonly parameters: readonly object[]
  readonly requestBody?: object
  readonly responses: Readonly<Record<string, object>>
}

const TEXT = { type: 'string' }
const SESSION = { type: 'string', description: 'Of the sessions of the user this one alone.' }

export function standingPaths(words: Words): Readonly<Record<string, Readonly<Record<string, Described>>>> {
  const { answers, refused, user } = words
  return {
    '/v1/users/{user}/channels': {
      get: {
        summary: 'The channels that backends have put a user on',
        parameters: [user],
        responses: {
          '200': answers('All of them.', {
            type: 'object',
            required: ['user', 'channels'],
            additionalProperties: false,
            properties: {
              user: TEXT,
              channels: {
                type: 'array',
                items: {
                  type: 'object',
                  required: ['channel'],
                  additionalProperties: false,
                  properties: { channel: TEXT, session: SESSION },
                },
              },
            },
          }),
          ...refused,
        },
      },
    },
    '/v1/users/{user}/subscribe': {
      post: standing(
        words,
        'Put a user on channels, whatever the token says: with every session that is there and that comes',
      ),
    },
    '/v1/users/{user}/unsubscribe': {
      post: standing(words, 'End the subscriptions of a user to channels, whoever has made them'),
    },
    '/v1/channels': { get: channelList(words) },
  }
}

function standing({ answers, refused, user, maybeLate }: Words, summary: string): Described {
  return {
    summary,
    parameters: [user],
    requestBody: {
      required: true,
      content: {
        'application/json': {
          schema: {
            type: 'object',
            required: ['channels'],
            additionalProperties: false,
            properties: {
              channels: {
                type: 'array',
                items: CHANNEL_FORM,
                minItems: 1,
                maxItems: STANDING_MAX,
              },
              session: { ...SESSION, pattern: STANDING_SESSION.source },
            },
          },
        },
      },
    },
    responses: {
      '200': answers('How many sessions were there.', {
        type: 'object',
        required: ['user', 'sessions'],
        additionalProperties: false,
        properties: { user: TEXT, sessions: { type: 'integer' }, degraded: maybeLate },
      }),
      '413': answers('The user would be on too many channels.', { $ref: '#/components/schemas/Error' }),
      ...refused,
    },
  }
}

function channelList({ answers, refused, keyWith }: Words): Described {
  return {
    summary: 'The channels that somebody is subscribed to, in the order of their names',
    security: keyWith('history'),
    parameters: parametersOf(CHANNELS_QUERY),
    responses: {
      '200': answers(
        'A page. Of a key that is limited to namespaces it may have fewer than were asked for.',
        {
          type: 'object',
          required: ['channels'],
          additionalProperties: false,
          properties: {
            channels: {
              type: 'array',
              items: {
                type: 'object',
                required: ['channel', 'connections'],
                additionalProperties: false,
                properties: {
                  channel: TEXT,
                  connections: { type: 'integer', description: 'On all nodes.' },
                  users: { type: 'integer', description: 'Where its namespace keeps presence.' },
                },
              },
            },
            next: { type: 'string', description: '`after` of the next page. Absent: this is the last.' },
          },
        },
      ),
      ...refused,
    },
  }
}
