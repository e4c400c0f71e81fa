/**
 * The options of other wire protocols; each is spoken where its section is there.
 */
import { isHookName as isAppId, isPusherApp } from './forms.ts'
import {
  duration,
  flag,
  flagOrAuto,
  integer,
  list,
  option,
  optionalSection,
  optionalSectionByKey,
  required,
  section,
  size,
  text,
} from './option.ts'
import { isPattern } from '../protocol/channel.ts'

const PATH_RULE = 'a path that begins with a slash, and is none of our own, which begin with /v1/'
const PATTERNS = 'channels, or the beginnings of channels followed by *'

export function dialectsSection() {
  return section('Wire protocols of others, beside our own.', {
    centrifuge: optionalSection('The protocol of Centrifuge and Centrifugo. Absent: it is not spoken.', {
      path: option(text(PATH_RULE, isOtherPath), '/connection/websocket', {
        doc: 'Where clients open their WebSocket on the public listener.',
      }),
      httpStream: option(text(PATH_RULE, isOtherPath), '/connection/http_stream', {
        doc: 'Where clients without a WebSocket open an answer that stays open, in JSON or Protobuf.',
      }),
      sse: option(text(PATH_RULE, isOtherPath), '/connection/sse', {
        doc: 'Where clients without a WebSocket open an event stream.',
      }),
      emulation: option(text(PATH_RULE, isOtherPath), '/emulation', {
        doc: 'Where clients without a WebSocket send their commands. Any node takes them.',
      }),
      uniWebSocket: option(text(PATH_RULE, isOtherPath), '/connection/uni_websocket', {
        doc: 'Where clients that only listen open a WebSocket.',
      }),
      uniHttpStream: option(text(PATH_RULE, isOtherPath), '/connection/uni_http_stream', {
        doc: 'Where clients that only listen open an answer that stays open.',
      }),
      uniSse: option(text(PATH_RULE, isOtherPath), '/connection/uni_sse', {
        doc: 'Where clients that only listen open an event stream.',
      }),
      anonymous: optionalSection(
        'What clients may do that bring no token. Absent: they are refused.',
        allowed(),
      ),
      everybody: optionalSection(
        'What clients may do that bring a token, beside what is in its claim `sluice`: tokens that were made for Centrifugo have no such claim.',
        allowed(),
      ),
      unknownNamespaces: option(flagOrAuto(), 'auto', {
        doc: 'Whether channels are served whose name begins with a namespace (`chat:1`) that is none of `namespaces`, as `*` says; if not, they are unknown (102), as with Centrifugo. `auto`: where `namespaces` names none beside `*` and `@`.',
      }),
      serverApi: option(flag(), true, {
        doc: 'Whether the second listener answers `POST /api/…` as the server API of Centrifugo, with the keys of `api.keys`.',
      }),
    }),
    durableStreams: optionalSection('Reading channels as Durable Streams. Absent: nobody does.', {
      path: option(text(PATH_RULE, isOtherPath), '/streams', {
        doc: 'Below it each channel with a log is a stream: `GET /streams/news?offset=-1`.',
      }),
      public: option(list(PATTERNS, isPattern), [], {
        doc: 'The channels that everybody may read, without a token, and shared caches may keep. Of the others a token says who may read the history.',
      }),
      maxAge: option(duration('0s', '1d'), '1m', {
        doc: 'How long caches may give a page again. Of a stream that grows a page is never wrong, only short.',
      }),
      readers: option(integer({ min: 0, max: 1_000_000 }), 10_000, {
        doc: 'How many reads may wait on a node at once, by long poll or as event streams.',
      }),
    }),
    pusher: pusherSection(),
  })
}

function pusherSection() {
  return optionalSection('The protocol of Pusher Channels, and its HTTP API. Absent: it is not spoken.', {
    apps: required(list('entries id:namespace:key:secret', isPusherApp), {
      secret: 'whole',
      doc: 'The apps, each as `id:namespace:key:secret`; the channels of an app are in its namespace. Several entries with the same id and namespace are several keys of one app.',
    }),
    path: option(text('a path such as /realtime, or nothing', isPrefix), '', {
      doc: 'What stands before `/app/<key>` and `/apps/…`, as `wsPath` of clients and `path` of backends say. Without it both are served as well.',
    }),
    data: option(size('1KiB', '64MiB'), '10KiB', {
      doc: 'The largest `data` of an event; `limits.payload` bounds it as well.',
    }),
    activityTimeout: option(duration('5s', '1h'), '120s', {
      doc: 'After so long a silence of the gateway a client asks whether it is still there.',
    }),
    clientEvents: option(flag(), true, {
      doc: 'Whether clients may send events of their own to the others on a private or presence channel.',
    }),
    members: option(integer({ min: 1, max: 100_000 }), 1000, {
      doc: 'How many members a presence channel may have; each client on it is told of all of them.',
    }),
    subscriptionCounts: option(flag(), false, {
      doc: 'Whether clients are told how many connections are on a channel that is no presence channel, within about a second of each change (of more than 100 every five seconds).',
    }),
    watchlists: option(flag(), true, {
      doc: 'Whether who signs in is told who of the watchlist that the app has signed is online.',
    }),
    tokens: option(flag(), false, {
      doc: 'Whether a token of `auth` is taken in the place of a signature, as `auth` of a subscribe: it names channels as `namespace:channel`.',
    }),
    limits: optionalSectionByKey('What an app may; by the id of the app.', {
      shape: {
        connections: option(integer({ min: 0, max: 100_000_000 }), 0, {
          doc: 'Clients at once, on all nodes; one more is closed with 4004. Clients of a node that is drained are not counted. 0: no limit.',
        }),
        eventsPerSecond: option(integer({ min: 0, max: 10_000_000 }), 0, {
          doc: 'Events of its backend at one node, counted for each channel; more are answered with 429. 0: no limit.',
        }),
        clientEventsPerSecond: option(integer({ min: 0, max: 10_000_000 }), 0, {
          doc: 'Events of its clients at one node; more are refused with 4301. 0: no limit.',
        }),
      },
      fits: isAppId,
      keyIs: 'the id of an app',
      keyRule: 'an id is 1 to 64 of A-Z a-z 0-9 _ -',
      intro: 'Each app has these keys.',
    }),
    cacheTtl: option(duration('1s', '1d'), '30m', {
      doc: 'For how long the last event of a cache channel is kept for who comes.',
    }),
  })
}

function allowed() {
  return {
    subscribe: option(list(PATTERNS, isPattern), [], { doc: 'The channels that they may subscribe to.' }),
    publish: option(list(PATTERNS, isPattern), [], { doc: 'The channels that they may publish to.' }),
    history: option(list(PATTERNS, isPattern), [], { doc: 'The channels whose log they may page through.' }),
  }
}

function isPrefix(path: string): boolean {
  return path === '' || (/^(?:\/[\w-]{1,63}){1,4}$/.test(path) && path !== '/v1' && !path.startsWith('/v1/'))
}

function isOtherPath(path: string): boolean {
  return /^\/[\w./-]{1,127}$/.test(path) && !path.startsWith('/v1/')
}
