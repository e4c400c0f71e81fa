/**
 * What backends were not told: dead letters, which operators see, have sent again, or throw away.
 */
import type { ApiRequest, Route } from './route.ts'
import { SluiceError } from '../errors.ts'
import type { DeadLetters } from '../webhooks/letters.ts'

const SHOWN = 100
const SHOWN_MAX = 1000

export function webhookRoutes(letters: DeadLetters): Route[] {
  return [
    {
      method: 'GET',
      path: '/v1/webhooks/dead',
      scope: 'admin',
      async handle(request) {
        return { status: 200, json: await letters.list(limitIn(request)) }
      },
    },
    {
      method: 'POST',
      path: '/v1/webhooks/dead/{letter}/resend',
      scope: 'admin',
      audit: 'send a dead letter again',
      async handle({ params: { letter = '' } }) {
        await letters.resend(letter)
        return { status: 200, json: { letter } }
      },
    },
    {
      method: 'DELETE',
      path: '/v1/webhooks/dead/{letter}',
      scope: 'admin',
      audit: 'drop a dead letter',
      async handle({ params: { letter = '' } }) {
        await letters.drop(letter)
        return { status: 200, json: { letter } }
      },
    },
  ]
}

function limitIn({ query }: ApiRequest): number {
  const limit = Number(query.get('limit') ?? SHOWN)
  if (Number.isInteger(limit) && limit >= 1 && limit <= SHOWN_MAX) return limit
  throw new SluiceError('bad_request', `limit must be a whole number from 1 to ${SHOWN_MAX}`)
}
