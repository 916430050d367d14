// A real OpenID Connect provider (npm's oidc-provider) with its own forms for development, for tests.
// Arguments: the module's path, port, client's redirect address, file of accounts (JSON: claims by name, read each time).
import { readFileSync } from "node:fs";

const [module, port, redirect, accounts] = process.argv.slice(2);
const { Provider } = await import(module);

const provider = new Provider(`http://127.0.0.1:${port}`, {
  clients: [
    {
      client_id: "ocean",
      client_secret: "client-secret-of-the-test",
      redirect_uris: [redirect],
      grant_types: ["authorization_code", "refresh_token"],
      token_endpoint_auth_method: "client_secret_post",
    },
  ],
  pkce: { required: () => true },
  claims: { openid: ["sub"], profile: ["preferred_username", "groups", "realm"], email: ["email", "email_verified"] },
  cookies: { keys: ["a key of the test"] },
  ttl: { AccessToken: 3600, Session: 3600, Interaction: 3600, Grant: 3600, IdToken: 3600 },
  async findAccount(_context, sub) {
    const found = JSON.parse(readFileSync(accounts, "utf8"))[sub];
    return found && { accountId: sub, claims: async () => ({ sub, preferred_username: sub, ...found }) };
  },
});
provider.on("server_error", (_context, error) => console.error(error));
provider.listen(Number(port), "127.0.0.1");
