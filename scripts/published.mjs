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

/** The `package.json` of the gateway. `supplies`: the packages that bring binaries here. `binaries`: those that bring them there. */
export function publishedManifest(manifest, supplies, binaries) {
  const { dependencies } = manifest
  const kept = Object.entries(manifest).filter(([field]) => !FOR_WORK.includes(field))
  const needed = Object.entries(dependencies).filter(([name]) => ![...FOR_SPANS, ...supplies].includes(name))
  return {
    ...Object.fromEntries(kept),
    dependencies: Object.fromEntries(needed),
    // npm takes the one whose `os` and `cpu` are the machine's.
    optionalDependencies: Object.fromEntries(binaries.map((name) => [name, manifest.version])),
    peerDependencies: Object.fromEntries(FOR_SPANS.map((name) => [name, `^${dependencies[name]}`])),
    peerDependenciesMeta: Object.fromEntries(FOR_SPANS.map((name) => [name, { optional: true }])),
  }
}

/**
 * Which files of a clone's package are of use where it is installed. Maps lead to sources that are not there, but for those of the
 * SDK, which have them in themselves; types are the ones that `dist/index.d.ts` reaches. `read` gives the text of a file.
 */
export function publishedFiles(paths, read) {
  const types = new Set()
  const reach = (path) => {
    if (types.has(path)) return
    types.add(path)
    for (const [, module] of read(path).matchAll(/(?:from |import\()['"](\.[^'"]+)\.[jt]s['"]/g))
      reach(new URL(`${module}.d.ts`, `file:///${path}`).pathname.slice(1))
  }
  reach('dist/index.d.ts')
  const isMap = (path) => path.endsWith('.js.map') && !path.startsWith('dist/client/sluice.')
  const isType = (path) => path.startsWith('dist/') && path.endsWith('.d.ts')
  return paths.filter((path) => !isMap(path) && (!isType(path) || types.has(path)))
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
