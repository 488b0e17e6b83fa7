// The publish job in C#, on what such services are usually made of: ASP.NET Core, JwtBearer, the CloudEvents SDK and
// Azure.Storage.Queues, each with its defaults. What the product is measured against; no part of it.
using System.Net.Mime;
using System.Text.Json;
using Azure.Storage.Queues;
using CloudNative.CloudEvents;
using CloudNative.CloudEvents.SystemTextJson;
using Microsoft.AspNetCore.Authentication.JwtBearer;

const string scope = "altinn:events.publish";

var issuers = JsonDocument.Parse(Environment.GetEnvironmentVariable("TOKEN_ISSUERS")!);
var issuer = issuers.RootElement[0].GetProperty("issuer").GetString()!;

var builder = WebApplication.CreateBuilder(args);
builder.Logging.SetMinimumLevel(LogLevel.Warning);
builder.Services.AddProblemDetails();
builder.Services.AddSingleton(new QueueClient(
    Environment.GetEnvironmentVariable("EVENTS_STORAGE"),
    Environment.GetEnvironmentVariable("EVENTS_QUEUE_NAME"),
    new QueueClientOptions { MessageEncoding = QueueMessageEncoding.Base64 }));
builder.Services.AddAuthentication(JwtBearerDefaults.AuthenticationScheme).AddJwtBearer(bearer =>
{
    bearer.RequireHttpsMetadata = false; // the issuer of a measurement is on loopback
    bearer.MetadataAddress = issuer + ".well-known/oauth-authorization-server";
    bearer.MapInboundClaims = false;
    bearer.TokenValidationParameters.ValidIssuer = issuer;
    bearer.TokenValidationParameters.ValidateAudience = false;
});
builder.Services.AddAuthorization(authorization => authorization.AddPolicy("publish", policy => policy.RequireAssertion(
    context => (context.User.FindFirst("scope")?.Value ?? "").Split(' ').Contains(scope))));

var app = builder.Build();
var format = new JsonEventFormatter();

app.UseAuthentication();
app.UseAuthorization();
app.MapPost("/events/api/v1/events", async (HttpRequest request, QueueClient queue, CancellationToken stop) =>
{
    CloudEvent published;
    try
    {
        var contentType = new ContentType(request.ContentType!);
        published = await format.DecodeStructuredModeMessageAsync(request.Body, contentType, null);
    }
    catch (Exception error) when (error is ArgumentException or JsonException)
    {
        return Results.Problem(error.Message, statusCode: 400);
    }
    if (published["resource"] is not string { Length: > 0 })
    {
        return Results.Problem("resource is required", statusCode: 400);
    }
    var message = new BinaryData(format.EncodeStructuredModeMessage(published, out _));
    await queue.SendMessageAsync(message, cancellationToken: stop);
    return Results.Ok();
}).RequireAuthorization("publish");

app.Run();
