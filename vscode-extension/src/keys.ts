import type { SecretStorage } from "vscode";

/** Who offers models, and the environment variable that the server reads their key from. */
export const PROVIDERS = [
  { id: "anthropic", label: "Anthropic", models: "Claude", variable: "ANTHROPIC_API_KEY" },
  { id: "gemini", label: "Google", models: "Gemini", variable: "GEMINI_API_KEY" },
] as const;

export type Provider = (typeof PROVIDERS)[number];

export function secretName(provider: Provider): string {
  return `otpGenesis.key.${provider.id}`;
}

/** Whether the server gets a key of theirs. */
export async function hasKey(secrets: SecretStorage, provider: Provider): Promise<boolean> {
  return Boolean(process.env[provider.variable] ?? (await secrets.get(secretName(provider))));
}

const VARIABLES = [...PROVIDERS.map((provider) => provider.variable), "GOOGLE_API_KEY"];

/**
 * The editor's environment, with the keys of the secret store. In a folder that is not trusted without any key:
 * nothing that it holds shall be able to have one used.
 */
export async function serverEnvironment(
  secrets: SecretStorage,
  trusted: boolean,
): Promise<NodeJS.ProcessEnv> {
  const variables = { ...process.env };
  if (!trusted) for (const name of VARIABLES) delete variables[name];
  for (const provider of trusted ? PROVIDERS : []) {
    const key = await secrets.get(secretName(provider));
    if (key) variables[provider.variable] = key;
  }
  return variables;
}
