/**
 * POST /apps/{app}/events and /batch_events: what backends publish with a library of Pusher, on a node that has apps for it. They show no key of
 * the API: a secret of the app signs each request.
 */
import type { ApiRequest, Route } from './route.ts'
import type { PusherServerApi, ServerCall } from '../dialect/pusher/server-api.ts'

export function pusherRoutes(serverApi: PusherServerApi): Route[] {
  const route = (name: string, answer: (call: ServerCall) => Promise<object>): Route => ({
    method: 'POST',
    path: `/apps/{app}/${name}`,
    scope: undefined,
    async handle(request) {
      return { status: 200, json: await answer(callOf(request)) }
    },
  })
  return [
    route('events', (call) => serverApi.events(call)),
    route('batch_events', (call) => serverApi.batchEvents(call)),
  ]
}

function callOf(request: ApiRequest): ServerCall {
  const { method, path, query } = request.asked
  return { method, path, query, app: request.params['app'] ?? '', body: () => request.body() }
}
