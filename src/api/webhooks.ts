/**
 * What backends were not told: dead letters, which operators see, have sent again, or throw away.
 */
import * as z from 'zod'
import type { Route } from './route.ts'
import { count, field, Query } from './takes.ts'
import type { DeadLetters } from '../webhooks/letters.ts'

const SHOWN = 100
const SHOWN_MAX = 1000

export const LETTERS_QUERY = new Query(() =>
  z.object({
    limit: field(
      count(SHOWN_MAX).prefault(SHOWN),
      `must be a whole number from 1 to ${SHOWN_MAX}`,
      'No more than so many.',
    ),
  }),
)

export function webhookRoutes(letters: DeadLetters): Route[] {
  return [
    {
      method: 'GET',
      path: '/v1/webhooks/dead',
      scope: 'admin',
      async handle(request) {
        return { status: 200, json: await letters.list(LETTERS_QUERY.read(request).limit) }
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
