/**
 * Builds the image of the Dockerfile and runs a node from it: without Docker, by `buildah`, on stand-ins for the two base
 * images that are made here from Debian's packages and Node's own binary. The node is started as the image says, as process 1
 * of its own tree and not as root; a stream is opened, a message published, and SIGTERM ends it.
 */
import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { CACHE, debianTree, inTree, must, needRootAnd, nodeBinary, outputOf } from './debian.mjs'

const root = fileURLToPath(new URL('..', import.meta.url))
const IMAGE = 'sluice:test'
/** As the Dockerfile names them; a storage of our own keeps them apart from the real ones. */
const DEBIAN_IMAGE = 'docker.io/library/debian:trixie-slim'
const NODE_IMAGE = 'docker.io/library/node:24-trixie-slim'
/** What the gateway may add to Debian: Node is most of it; the run says what the rest is. */
const ADDED_BYTES_MAX = 172e6
const TOTAL_BYTES_MAX = 320e6
const SECRET = 'a-secret-for-tests-of-more-than-32-bytes'
const API_KEY = 'a-key-for-tests-only'
const VERSION = '7.8.9-test'
/** Health checks are of Docker's format alone. */
const VERSION_ARG = ['--format', 'docker', '--build-arg', `SLUICE_VERSION=${VERSION}`]
const START_MS = 60_000

const storage = ['--root', join(CACHE, 'containers'), '--runroot', join(CACHE, 'containers-run')]
const buildah = (...words) => outputOf('buildah', [...storage, ...words], { env })
const env = { ...process.env, BUILDAH_ISOLATION: 'chroot' }

needRootAnd('debootstrap', 'buildah')
// What a run before this one has left.
buildah('rm', '--all')
buildah('rmi', '--all', '--force')
makeBaseImages()
console.log('\n== building')
must(
  'buildah',
  [
    ...storage,
    'bud',
    '--pull-never',
    '--volume',
    `${npmCache()}:/root/.npm`,
    ...VERSION_ARG,
    '--tag',
    IMAGE,
    root,
  ],
  { env },
)
const image = JSON.parse(buildah('inspect', '--type', 'image', IMAGE)).Docker.config
const container = buildah('from', '--pull-never', IMAGE)
try {
  const tree = buildah('mount', container)
  checkContent(tree)
  await runNode(tree)
} finally {
  buildah('rm', container)
}

/** Debian as the slim image is, and the same with Node and npm where Node's image has them. */
function makeBaseImages() {
  const base = buildah('from', 'scratch')
  const tree = buildah('mount', base)
  cpSync(debianTree('ca-certificates'), tree, { recursive: true, verbatimSymlinks: true, filter: isContent })
  for (const folder of ['doc', 'man', 'info', 'locale']) {
    rmSync(join(tree, 'usr/share', folder), { recursive: true, force: true })
  }
  buildah('commit', base, DEBIAN_IMAGE)
  cpSync(nodeBinary(24), join(tree, 'usr/local/bin/node'))
  const npm = 'usr/local/lib/node_modules/npm'
  cpSync(join(outputOf('npm', ['root', '--global']), 'npm'), join(tree, npm), { recursive: true })
  symlinkSync(`/${npm}/bin/npm-cli.js`, join(tree, 'usr/local/bin/npm'))
  // Where the way to the registry has a certificate of its own, the build needs it too; the image takes nothing of it.
  const certificates = process.env.NODE_EXTRA_CA_CERTS
  if (certificates !== undefined) {
    cpSync(certificates, join(tree, 'etc/extra-ca.pem'))
    buildah('config', '--env', 'NODE_EXTRA_CA_CERTS=/etc/extra-ca.pem', base)
  }
  buildah('commit', '--rm', base, NODE_IMAGE)
}

/** Devices belong to the machine. */
function isContent(path) {
  return !/^\/(?:dev|proc|sys)\/./.test(path.slice(debianTree('ca-certificates').length))
}

function npmCache() {
  const folder = join(CACHE, 'npm')
  mkdirSync(folder, { recursive: true })
  return folder
}

function checkContent(tree) {
  const modules = join(tree, 'app/node_modules')
  const binaries = readdirSync(modules, { recursive: true, encoding: 'utf8' }).filter((name) =>
    /uws_.*\.node$/.test(name),
  )
  assert.deepEqual(binaries, [`@btc-vision/uwebsockets.js/uws_linux_${process.arch}_137.node`])
  const { devDependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
  const unwanted = Object.keys(devDependencies).filter((name) => existsSync(join(modules, name)))
  assert.deepEqual(unwanted, [], 'development dependencies in the image')
  for (const path of ['app/src', 'app/scripts', 'usr/local/bin/npm', 'root/.npm', 'etc/extra-ca.pem']) {
    assert.equal(existsSync(join(tree, path)), false, `${path} is in the image`)
  }
  assert.equal(image.Labels['org.opencontainers.image.version'], VERSION)
  assert.deepEqual(image.Healthcheck.Test, ['CMD', 'node', '/app/bin/livez.js'])
  assert.match(image.User, /^[1-9]\d*:[1-9]\d*$/, 'the image runs as root')
  assert.notEqual(image.Entrypoint[0], '/bin/sh', 'a shell would keep SIGTERM to itself')
  const [total, base] = [IMAGE, DEBIAN_IMAGE].map(sizeOf)
  console.log(`\nimage: ${megabytes(total)}, of which Debian ${megabytes(base)}`)
  for (const [name, bytes] of partsOf(tree)) console.log(`  ${megabytes(bytes).padStart(7)}  ${name}`)
  assert.ok(total < TOTAL_BYTES_MAX, `the image is larger than ${megabytes(TOTAL_BYTES_MAX)}`)
  const added = total - base
  assert.ok(added < ADDED_BYTES_MAX, `the gateway adds more than ${megabytes(ADDED_BYTES_MAX)}`)
}

/** What takes a megabyte and more, the largest first. */
function partsOf(tree) {
  const modules = readdirSync(join(tree, 'app/node_modules')).map((name) => `app/node_modules/${name}`)
  const paths = ['usr/local/bin/node', 'app/dist', ...modules]
  const sizes = outputOf('du', ['--bytes', '--summarize', ...paths.map((path) => join(tree, path))])
  return sizes
    .split('\n')
    .map((line, index) => [paths[index], Number.parseInt(line)])
    .filter(([, bytes]) => bytes >= 1e6)
    .toSorted(([, one], [, other]) => other - one)
}

function sizeOf(name) {
  const [found] = JSON.parse(buildah('images', '--json', name))
  const [, amount, unit] = /^([\d.]+) ?(KB|MB|GB)$/i.exec(found.size)
  return Number(amount) * { KB: 1e3, MB: 1e6, GB: 1e9 }[unit.toUpperCase()]
}

function megabytes(bytes) {
  return `${Math.round(bytes / 1e6)} MB`
}

async function runNode(tree) {
  console.log('\n== running')
  const [port, apiPort] = await freePorts(2)
  const [program, words] = inTree(
    tree,
    { folders: {}, directory: image.WorkingDir, user: image.User },
    ...image.Env.filter((entry) => !entry.startsWith('NODE_EXTRA_CA_CERTS=')),
    `SLUICE_HOST=127.0.0.1`,
    `SLUICE_PORT=${port}`,
    `SLUICE_API_PORT=${apiPort}`,
    `SLUICE_JWT_SECRET=${SECRET}`,
    `SLUICE_API_KEYS=tests:publish:${API_KEY}`,
    ...image.Entrypoint,
    ...image.Cmd,
  )
  const child = spawn(program, words, {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { PATH: process.env.PATH },
  })
  let output = ''
  child.stdout.setEncoding('utf8').on('data', (text) => {
    output += text
    process.stdout.write(text)
  })
  const exited = once(child, 'exit')
  try {
    await Promise.race([
      until(() => output.includes('the node is ready')),
      exited.then(([code]) => assert.fail(`the node ended with ${code} before it was ready`)),
    ])
    assert.ok(output.includes(VERSION), 'the log does not name the version of the build')
    assert.equal(
      spawnSync(process.execPath, [join(tree, 'app/bin/livez.js')], {
        env: { SLUICE_API_PORT: String(apiPort) },
      }).status,
      0,
    )
    assert.match(output, /uWebSockets\.js: @btc-vision\/uwebsockets\.js .* built for Node 24/)
    await publishAndDrain(child, { port, apiPort })
    const [code] = await exited
    assert.equal(code, 0, 'the exit code after SIGTERM')
    assert.match(output, /the node has stopped/)
  } finally {
    child.kill('SIGKILL')
  }
  console.log('\nthe image starts, delivers and drains')
}

async function publishAndDrain(child, { port, apiPort }) {
  const { mintToken } = await import('../dist/auth/tokens.js')
  const { systemClock } = await import('../dist/clock.js')
  const token = await mintToken({ secret: SECRET, sub: 'ann', subscribe: ['*'], publish: [] }, systemClock)
  const stream = await fetch(`http://127.0.0.1:${port}/v1/sse?channels=news`, {
    headers: { authorization: `Bearer ${token}` },
  })
  assert.equal(stream.status, 200)
  let events = ''
  const ended = (async () => {
    for await (const chunk of stream.body) events += Buffer.from(chunk).toString()
  })()
  await until(() => events.includes('event: welcome'))
  const answer = await fetch(`http://127.0.0.1:${apiPort}/v1/publish`, {
    method: 'POST',
    headers: { authorization: `Bearer ${API_KEY}`, 'content-type': 'application/json' },
    body: JSON.stringify({ channel: 'news', data: 'from the image' }),
  })
  assert.equal(answer.status, 200, await answer.text())
  await until(() => events.includes('"from the image"'))
  // The child of `unshare` is the node itself: process 1 of its tree, to which only its own handler brings a signal.
  const [node] = readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, 'utf8').trim().split(' ')
  assert.match(readFileSync(`/proc/${node}/cmdline`, 'utf8'), /^node\0/)
  assert.match(readFileSync(`/proc/${node}/status`, 'utf8'), /^Uid:\t10001\t/m)
  process.kill(Number(node), 'SIGTERM')
  await ended
}

async function until(fulfilled) {
  for (const end = Date.now() + START_MS; !fulfilled();) {
    assert.ok(Date.now() < end, `waited ${START_MS} ms for: ${fulfilled}`)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

async function freePorts(count) {
  const servers = Array.from({ length: count }, () => createServer().listen(0, '127.0.0.1'))
  await Promise.all(servers.map((server) => once(server, 'listening')))
  const ports = servers.map((server) => server.address().port)
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))))
  return ports
}
