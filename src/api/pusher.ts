/**
 * /apps/{app}/…: what backends call with a library of Pusher, on a node that has apps for it. They show no key of the API: a secret of the
 * app signs each request.
 */
import type { ApiRequest, Route } from './route.ts'
import type { PusherServerApi, ServerCall } from '../dialect/pusher/server-api.ts'

type Answering = (call: ServerCall) => Promise<object>

export function pusherRoutes(serverApi: PusherServerApi): Route[] {
  return [
    route('POST', 'events', (call) => serverApi.events(call)),
    route('POST', 'batch_events', (call) => serverApi.batchEvents(call)),
    route('POST', 'channels/{channel}/events', (call) => serverApi.singleEvent(call), 202),
    route('GET', 'channels', (call) => serverApi.channels(call)),
    route('GET', 'channels/{channel}', (call) => serverApi.channel(call)),
    route('GET', 'channels/{channel}/users', (call) => serverApi.users(call)),
    route('POST', 'users/{user}/terminate_connections', (call) => serverApi.terminateConnections(call)),
  ]
}

function route(method: 'GET' | 'POST', name: string, answer: Answering, status = 200): Route {
  return {
    method,
    path: `/apps/{app}/${name}`,
    scope: undefined,
    async handle(request) {
      return { status, json: await answer(callOf(request)) }
    },
  }
}

function callOf(request: ApiRequest): ServerCall {
  const { method, path, query } = request.asked
  const { traceparent } = request
  const { app = '', channel, user } = request.params
  return { method, path, query, app, named: channel ?? user ?? '', traceparent, body: () => request.body() }
}
