#!/usr/bin/env node
/**
 * Asks the node of this machine whether its event loop is alive, for container engines without probes of their own.
 * The second listener answers in plain text or with TLS, and its certificate is not for the name `127.0.0.1`.
 */
import http from 'node:http'
import https from 'node:https'

const EVERY_INTERFACE = new Set(['0.0.0.0', '::', ''])
const said = process.env.SLUICE_API_HOST ?? ''
const where = {
  host: EVERY_INTERFACE.has(said) ? '127.0.0.1' : said,
  port: process.env.SLUICE_API_PORT || 8081,
  path: '/livez',
  timeout: 2000,
  rejectUnauthorized: false,
}

function ask(client, otherwise) {
  client
    .get(where, ({ statusCode }) => process.exit(statusCode === 200 ? 0 : 1))
    .on('timeout', () => process.exit(1))
    .on('error', otherwise)
}

ask(http, () =>
  ask(https, (error) => {
    process.stderr.write(`${where.host}:${where.port}/livez: ${error.message}\n`)
    process.exit(1)
  }),
)
