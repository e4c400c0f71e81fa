/**
 * What the files for pages without a bundler may weigh, in bytes, gzipped. docs/comparison.md says them.
 *
 * All of it was 6,000 until the client learned to live with what it does not choose: a message that nobody can read, and limits of the
 * gateway (a publish that does not fit, more channels than one `connect` holds). Without that it closed, or came back for ever.
 * 6,400 until it waited for its moment after a reset: all clients asked the backend in the same second.
 * 6,600 until it was never silent: why it is not connected, a state of its own where it gives up, and what crosses the wire.
 * 8,000 until it went over HTTP where no WebSocket comes through; without that it still is that small.
 * 10,000 until a WebSocket was left only on proof, each handler had a start of its own, and positions outlived the page.
 * 11,120 until it told of channels that a backend has put the user on, and missed nothing on them. From 11,080 it went down again: what was
 * written in several places is written in one. 10,750 until names that nothing has both of became the same ones, which are searched for:
 * where it has become a little too much, `node scripts/search-names.mjs` may find some bytes.
 */
export const BUNDLES = {
  'sluice.min.js': 10_440,
  'sluice.global.js': 10_440,
  'sluice.websocket.min.js': 7_620,
  'sluice.presence.min.js': 1_170,
} as const
