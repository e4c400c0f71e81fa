/**
 * What of the gateway a registry gets. A clone has everything at hand (all that it may be configured to, binaries for every machine);
 * who installs the package gets what a gateway needs on his. Pure.
 */

/** Installed only by who wants spans, and named by the error where they are asked for (`src/drivers/opentelemetry.ts`). */
export const FOR_SPANS = [
  '@opentelemetry/exporter-trace-otlp-http',
  '@opentelemetry/resources',
  '@opentelemetry/sdk-trace-base',
]

/** Of `package.json`: for who works on the gateway. Of these `private` keeps npm from publishing the clone. */
const FOR_WORK = ['private', 'scripts', 'workspaces', 'overrides', 'devDependencies']

/**
 * The `package.json` of the gateway. `supplies`: the packages that bring binaries here. `binaries`: those that bring them there. `bundled`:
 * those that are in what is published already.
 */
export function publishedManifest(manifest, supplies, binaries, bundled) {
  const { dependencies } = manifest
  const kept = Object.entries(manifest).filter(([field]) => !FOR_WORK.includes(field))
  const left = [...FOR_SPANS, ...supplies, ...bundled]
  const needed = Object.entries(dependencies).filter(([name]) => !left.includes(name))
  return {
    ...Object.fromEntries(kept),
    exports: { ...manifest.exports, '.': { ...manifest.exports['.'], default: './dist/bundle/index.js' } },
    dependencies: Object.fromEntries(needed),
    // npm takes the one whose `os` and `cpu` are the machine's.
    optionalDependencies: Object.fromEntries(binaries.map((name) => [name, manifest.version])),
    peerDependencies: Object.fromEntries(FOR_SPANS.map((name) => [name, `^${dependencies[name]}`])),
    peerDependenciesMeta: Object.fromEntries(FOR_SPANS.map((name) => [name, { optional: true }])),
  }
}

/**
 * Which files of a clone's package are of use where it is installed. Maps lead to sources that are not there, but for those of the
 * SDK, which have them in themselves; types are the ones that `dist/index.d.ts` reaches, modules those in the bundle and what is
 * loaded beside it. `read` gives the text of a file.
 */
export function publishedFiles(paths, read) {
  const types = reachedFrom(['dist/index.d.ts'], read)
  const modules = reachedFrom(BESIDE, read)
  const isMap = (path) => path.endsWith('.js.map') && !path.startsWith('dist/client/sluice.')
  const isType = (path) => path.startsWith('dist/') && path.endsWith('.d.ts')
  const isModule = (path) =>
    /^dist\/(?!bundle\/|client\/sluice\.|console\/(?:page|operator)\/).*\.js$/.test(path)
  return paths.filter(
    (path) => !isMap(path) && (!isType(path) || types.has(path)) && (!isModule(path) || modules.has(path)),
  )
}

/** What the command and the bundle load by its place (`new URL`). */
const BESIDE = [
  'dist/cli/young-generation.js',
  'dist/observe/watchdog-program.js',
  'dist/observe/watchdog-thread.js',
]

/** Modules, or types of modules, with what they import by a path. */
export function reachedFrom(entries, read) {
  const reached = new Set()
  const reach = (path) => {
    if (reached.has(path)) return
    reached.add(path)
    const end = path.endsWith('.d.ts') ? '.d.ts' : '.js'
    for (const [, module] of read(path).matchAll(/(?:from |import\()['"](\.[^'"]+)\.[jt]s['"]/g))
      reach(new URL(`${module}${end}`, `file:///${path}`).pathname.slice(1))
  }
  for (const entry of entries) reach(entry)
  return reached
}

/** The `package.json` of the binaries for one kind of machine. */
export function binariesManifest(name, version, platform, arch) {
  return {
    name,
    version,
    description: `uWebSockets.js, built for ${platform} ${arch}: what @sluice/gateway loads there`,
    license: 'Apache-2.0',
    os: [platform],
    cpu: [arch],
    ...(platform === 'linux' && { libc: ['glibc'] }),
  }
}
