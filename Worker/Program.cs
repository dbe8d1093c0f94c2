using AsyncCheckpoints.Worker.Health;
using AsyncCheckpoints.Worker.Hosting;

var builder = WebApplication.CreateBuilder(args);
builder.Services.AddCheckpointWorker(builder.Configuration);
var app = builder.Build();
app.MapWorkerHealth();
await app.RunAsync();
