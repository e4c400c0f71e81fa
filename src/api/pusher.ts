/**
 * /apps/{app}/…: what backends call with a library of Pusher, on a node that has apps for it. They show no key of the API: a secret of the
 * app signs each request.
 */
import type { ApiRequest, Route } from './route.ts'
import type { PusherServerApi, ServerCall } from '../dialect/pusher/server-api.ts'

type Answering = (call: ServerCall) => Promise<object>

/** `prefix`: of the paths, beside none. The libraries that have one to set do not sign it. */
export function pusherRoutes(serverApi: PusherServerApi, prefix: string): Route[] {
  const terminate: Answering = (call) => serverApi.terminateConnections(call)
  const behind = (before: string): Route[] => {
    const route = (method: 'GET' | 'POST', path: string, answer: Answering, status = 200): Route => ({
      method,
      path: `${before}${path}`,
      scope: undefined,
      async handle(request) {
        return { status, json: await answer(callOf(request, before)) }
      },
    })
    return [
      route('POST', '/apps/{app}/events', (call) => serverApi.events(call)),
      route('POST', '/apps/{app}/batch_events', (call) => serverApi.batchEvents(call)),
      route('POST', '/apps/{app}/channels/{channel}/events', (call) => serverApi.singleEvent(call), 202),
      route('GET', '/apps/{app}/channels', (call) => serverApi.channels(call)),
      route('GET', '/apps/{app}/channels/{channel}', (call) => serverApi.channel(call)),
      route('GET', '/apps/{app}/channels/{channel}/users', (call) => serverApi.users(call)),
      route('POST', '/apps/{app}/users/{user}/terminate_connections', terminate),
      // As the library for Python asks: its key says of which app.
      route('POST', '/users/{user}/terminate_connections', terminate),
    ]
  }
  return ['', ...(prefix === '' ? [] : [prefix])].flatMap(behind)
}

function callOf(request: ApiRequest, prefix: string): ServerCall {
  const { method, path: whole, query } = request.asked
  const path = whole.slice(prefix.length)
  const { traceparent } = request
  const { app, channel, user } = request.params
  return { method, path, query, app, named: channel ?? user ?? '', traceparent, body: () => request.body() }
}
