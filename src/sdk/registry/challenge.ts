/** The header in which a registry says how it wants to be convinced: `WWW-Authenticate`. */

export type Challenge =
  | { scheme: 'basic' }
  | { scheme: 'bearer'; realm: string; service: string | null; scope: string | null };

/** @returns null when there is none that we can answer. */
export function parseChallenge(header: string | null): Challenge | null {
  const [, scheme = '', rest = ''] = /^\s*([A-Za-z]+)(?:\s+(.*))?$/s.exec(header ?? '') ?? [];
  if (scheme.toLowerCase() === 'basic') return { scheme: 'basic' };
  if (scheme.toLowerCase() !== 'bearer') return null;
  const parameters = parametersOf(rest);
  const realm = parameters.get('realm');
  if (realm === undefined || !URL.canParse(realm)) return null;
  const named = (name: string) => parameters.get(name) ?? null;
  return { scheme: 'bearer', realm, service: named('service'), scope: named('scope') };
}

function parametersOf(text: string): Map<string, string> {
  const found = text.matchAll(/([A-Za-z_]+)=(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))/g);
  return new Map(
    Array.from(found, ([, name = '', quoted, plain = '']) => [
      name.toLowerCase(),
      quoted === undefined ? plain : quoted.replaceAll(/\\(.)/g, '$1'),
    ]),
  );
}
