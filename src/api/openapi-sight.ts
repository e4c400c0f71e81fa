/**
 * The description of what operators see: users who are followed, and what a node logs.
 */
import { LEVEL_WISH } from './log-level.ts'
import { bodyOf, parametersOf } from './openapi-takes.ts'
import { TRACE_QUERY } from './trace.ts'
import { LOG_LEVELS } from '../observe/log.ts'

export interface SightWords {
  readonly answers: (description: string, schema: object) => object
  readonly refused: Readonly<Record<string, object>>
  readonly user: object
  readonly node: object
  readonly noSuchNode: Readonly<Record<string, object>>
}

interface Described {
  readonly summary: string
  readonly parameters: readonly object[]
  readonly requestBody?: object
  readonly responses: Readonly<Record<string, object>>
}

export function sightPaths(words: SightWords): Readonly<Record<string, Readonly<Record<string, Described>>>> {
  return { ...tracePaths(words), ...logLevelPaths(words) }
}

function tracePaths({ answers, refused, user }: SightWords): ReturnType<typeof sightPaths> {
  return {
    '/v1/users/{user}/trace': {
      get: {
        summary:
          'Follow a user across the cluster: an event stream (text/event-stream), each `data` a JSON object of docs/http-api.md',
        parameters: [user, ...parametersOf(TRACE_QUERY)],
        responses: {
          '200': {
            description: 'The events, as they come.',
            content: { 'text/event-stream': { schema: { type: 'string' } } },
          },
          '429': answers('The node follows as many as it may.', { $ref: '#/components/schemas/Error' }),
          ...refused,
        },
      },
    },
  }
}

function logLevelPaths({ answers, refused, node, noSuchNode }: SightWords): ReturnType<typeof sightPaths> {
  const answered = {
    '200': answers('What it logs now.', {
      type: 'object',
      required: ['node', 'level', 'configured'],
      additionalProperties: false,
      properties: {
        node: { type: 'string' },
        level: { enum: LOG_LEVELS },
        configured: { enum: LOG_LEVELS, description: 'What it goes back to.' },
        until: { type: 'integer', description: 'When it goes back, in milliseconds since 1970.' },
      },
    }),
    ...refused,
    ...noSuchNode,
  }
  return {
    '/v1/nodes/{node}/log-level': {
      get: { summary: 'What a node logs', parameters: [node], responses: answered },
      put: {
        summary: 'Change what a node logs, for a time or until it ends or reads its configuration again',
        parameters: [node],
        requestBody: {
          required: true,
          content: {
            'application/json': {
              schema: bodyOf(LEVEL_WISH),
            },
          },
        },
        responses: answered,
      },
    },
  }
}
